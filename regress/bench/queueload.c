/*
 * Fill the queue of a service that does not run, through the queue's own
 * records: messages of one size, for recipients in so many domains by turns.
 *	queueload [-n messages] [-r recipients] [-d domains] [-l octets]
 *	    [-a account] [-w seconds] directory
 * -w: due in so many seconds.  Directories are those of "state", then "queue".
 */
#include <sys/stat.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "queued/queued.h"

#define GROUP	500	/* messages in a group */

static uint64_t	 messages = 1000, account;
static uint32_t	 nrcpts = 1, domains = 10, delay;
static size_t	 octets = 4096;

static void
make_body(struct buf *b)
{
	static const char	 line[] = "Twelve jolly postmen bring very quick "
	    "mail to 99 exact boxes, one by one.\r\n";

	buf_adds(b, "From: Load <x@letterlock.test>\r\n"
	    "To: somebody <somebody@remote.example>\r\n"
	    "Subject: a message to measure with\r\n"
	    "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
	    "Message-ID: <load@letterlock.test>\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	while (b->n < octets)
		buf_adds(b, line);
}

static int
put_rcpt(uint64_t msg, uint32_t n, uint64_t now)
{
	struct rec_rcpt	 r = { .kind = RK_REMOTE };
	char		 to[128], dest[64];

	snprintf(dest, sizeof(dest), "d%llu.example",
	    (unsigned long long)((msg + n) % domains));
	snprintf(to, sizeof(to), "u%llu.%u@%s", (unsigned long long)msg, n,
	    dest);
	r.address = span_str(to);
	r.dest = span_str(dest);
	r.next = now + delay;
	return (db_rcpt_put(msg, n, &r));
}

static int
put(struct span body, uint64_t now)
{
	struct body_source	 src = { .fd = -1, .prefix = body,
				    .max = body.n };
	struct rec_msg		 m = { 0 };
	struct body_in		*in;
	uint64_t		 msg;
	uint32_t		 i;
	int			 rc;

	if ((msg = db_number()) == 0 ||
	    body_in_start(q.bodies, &src, &in) != 1)
		return (-1);
	rc = body_in_put(in, 1, &m.body);
	body_in_free(in);
	arc4random_buf(m.id, sizeof(m.id));
	m.size = body.n;
	m.arrival = now;
	m.account = account;
	m.name = span_str("load");
	m.from = span_str("x@letterlock.test");
	m.session = span_str("load");
	m.remote = span_str("127.0.0.1");
	m.nrcpts = nrcpts;
	if (rc == 0)
		rc = db_msg_put(msg, &m);
	for (i = 1; rc == 0 && i <= nrcpts; i++)
		rc = put_rcpt(msg, i, now);
	return (rc);
}

static void
options(int argc, char **argv)
{
	int	 ch;

	while ((ch = getopt(argc, argv, "a:d:l:n:r:w:")) != -1)
		switch (ch) {
		case 'a':
			account = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			domains = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			octets = strtoul(optarg, NULL, 10);
			break;
		case 'n':
			messages = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			nrcpts = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			delay = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		default:
			exit(2);
		}
	if (argc - optind != 1 || domains == 0 || octets > BODY_INLINE / 2)
		errx(2, "usage: queueload [-n messages] [-r recipients] "
		    "[-d domains] [-l octets] [-a account] [-w seconds] "
		    "directory");
}

int
main(int argc, char **argv)
{
	struct db_conf	 dc = { .home = "." };
	struct buf	 body = { 0 };
	struct stat	 st;
	uint64_t	 i, now = (uint64_t)time(NULL);

	options(argc, argv);
	make_body(&body);
	if (chdir(argv[optind]) == -1 || stat(".", &st) == -1)
		err(1, "%s", argv[optind]);
	dc.uid = st.st_uid;
	dc.gid = st.st_gid;
	if (db_open(&dc) == -1)
		errx(1, "the queue cannot be opened");
	for (i = 0; i < messages; i += GROUP) {
		uint64_t	 k, n = messages - i < GROUP ? messages - i :
				    GROUP;

		for (k = 0; k < n; k++)
			if (db_begin() == -1 ||
			    db_end(put(span_buf(&body), now)) == -1)
				errx(1, "%s", dbenv_error(q.env));
		dbenv_turn_end(q.env);
	}
	db_close();
	buf_free(&body);
	return (0);
}
