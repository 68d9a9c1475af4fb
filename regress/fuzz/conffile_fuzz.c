/* letterlock.conf: whatever is understood prints, and that parses to the same. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/parse.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct conf *
parse(const void *p, size_t n)
{
	struct report	 r = { 0 };
	struct conf	*c;
	char		 path[64];
	int		 fd = memfd_create("conf", MFD_CLOEXEC);

	if (fd == -1 || write(fd, p, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fchmod(fd, 0600) == -1)
		abort();
	c = parse_conf(path, &r);
	if ((c == NULL) != (r.errors > 0))
		abort();
	buf_free(&r.text);
	close(fd);
	return (c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf	 a = { 0 }, b = { 0 }, wire = { .max = CONF_MAX };
	struct conf	*c, *d;

	/* other files are not for a fuzzer to open */
	if (memmem(p, n, "include", 7) != NULL || (c = parse(p, n)) == NULL)
		return (0);
	print_conf(&a, c);
	if ((d = parse(a.p, a.n)) == NULL)
		abort();
	print_conf(&b, d);
	if (!span_eq(span_buf(&a), span_buf(&b)))
		abort();
	conf_free(d);
	conf_settle(c, 0);
	if (conf_put(&wire, c, ROLE_AUTH, "") == 0) {
		if ((d = conf_get(span_buf(&wire))) == NULL)
			abort();
		conf_free(d);
	}
	conf_free(c);
	buf_free(&a);
	buf_free(&b);
	buf_free(&wire);
	return (0);
}
