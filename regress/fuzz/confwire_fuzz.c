/* A configuration as a role gets it: octets that are accepted write the same. */
#include <stdint.h>
#include <stdlib.h>

#include "conf.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf	 b = { .max = CONF_MAX };
	struct conf	*c;

	if ((c = conf_get(span_of(p, n))) == NULL)
		return (0);
	if (conf_put(&b, c, ROLE_AUTH, "") == -1 ||
	    !span_eq(span_of(p, n), span_buf(&b)))
		abort();
	conf_free(c);
	buf_free(&b);
	return (0);
}
