/*
 * M_QUEUE_COMMIT and M_QUEUE_RCPTS as an smtpd that was taken could send them:
 * refused, or in the queue and listed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "standin.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
const char	*__lsan_default_suppressions(void);

/* Berkeley DB keeps offsets where a leak checker looks for pointers. */
const char *
__lsan_default_suppressions(void)
{
	return ("leak:libdb-5.3.so\n");
}

static void
clean(void)
{
	si_close();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf	 b = { .max = IMSG_MAX - 16 };
	struct peer	*p;
	static int	 top = -1;	/* where the inputs are */
	unsigned	 i;

	if (n < 1)
		return (0);
	if (top == -1 &&
	    (top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		abort();
	if (si.base != NULL && chdir(si.dir) == -1)
		abort();
	if (si.base == NULL) {
		si_open();
		si_disconnect(ROLE_STORE, 0);
		si_disconnect(ROLE_STORE, 1);
		si_disconnect(ROLE_AUTH, 0);
		atexit(clean);
	}
	if (si.there[ROLE_SMTPD][0] == NULL) {
		for (i = 0; i < si.nslots && i < nitems(si.slots); i++) {
			close(si.slots[i].wfd);
			close(si.slots[i].rfd);
		}
		si.nslots = 0;
		si_connect(ROLE_SMTPD, 0, NULL);
		UNTIL(si.nslots == 32 && si.slots[31].rfd > 0, 5);
	}
	p = si.there[ROLE_SMTPD][0];
	/* under an id that is good, half of the time */
	buf_add(&b, data + 1, n - 1);
	if ((data[0] & 1) != 0 && b.n >= 16)
		memcpy(b.p, si.slots[data[0] >> 3].id, 16);
	if ((data[0] & 2) != 0)
		(void)peer_send(p, M_QUEUE_RCPTS, &b, -1);
	else
		(void)peer_ask_buf(p, M_QUEUE_COMMIT, &b, -1, NULL, NULL);
	buf_free(&b);
	UNTIL(si.there[ROLE_SMTPD][0] == NULL || peer_pending(p) == 0, 0.2);
	if (si_ctl("queue list", "") != 0)
		abort();
	if (si_count(q.rcpt) > 50)
		(void)si_ctl("queue drop", "--held no");
	if (fchdir(top) == -1)
		abort();
	return (0);
}
