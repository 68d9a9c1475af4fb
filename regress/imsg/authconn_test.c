/*
 * What auth says about a client's key, well-formed and not.
 */
#include <string.h>

#include "authconn.h"
#include "test.h"

static const struct answer {
	const char	*name;
	uint64_t	 conn;
	uint8_t		 identity;
	size_t		 cut, more;	/* octets left out, added */
	int		 rc;
	uint8_t		 want;
} answers[] = {
	{ "none",		7, IDENTITY_NONE,	0, 0, 0, IDENTITY_NONE },
	{ "latent",		7, IDENTITY_LATENT,	0, 0, 0,
	    IDENTITY_LATENT },
	{ "preauth",		7, IDENTITY_PREAUTH,	0, 0, 0,
	    IDENTITY_PREAUTH },
	{ "refused",		7, IDENTITY_REFUSED,	0, 0, 0,
	    IDENTITY_REFUSED },
	{ "another's",		8, IDENTITY_LATENT,	0, 0, -1,
	    IDENTITY_NONE },
	{ "no such thing",	7, IDENTITY_REFUSED + 1, 0, 0, -1,
	    IDENTITY_NONE },
	{ "one short",		7, IDENTITY_PREAUTH,	1, 0, -1,
	    IDENTITY_NONE },
	{ "empty",		7, IDENTITY_PREAUTH,	99, 0, -1,
	    IDENTITY_NONE },
	{ "one more",		7, IDENTITY_PREAUTH,	0, 1, -1,
	    IDENTITY_NONE },
};

int
main(void)
{
	const struct answer		*a;
	struct msg_conn_identity	 id;
	struct tlsctx_facts		 f = { 0 };
	struct imsg			 m = { .fd = -1 };
	struct buf			 b = { 0 };
	int				 rc;

	for (a = answers; a < answers + nitems(answers); a++) {
		memset(&id, 0, sizeof(id));
		id.conn = a->conn;
		id.identity = a->identity;
		id.text = span_str("why");
		buf_reset(&b);
		(void)codec_put(&b, &c_conn_identity, &id);
		buf_truncate(&b, a->cut > b.n ? 0 : b.n - a->cut);
		if (a->more > 0)
			buf_addc(&b, 'x');
		m.data = span_buf(&b);
		rc = authconn_identity(&m, 7, &id);
		CHECK(rc == a->rc && id.identity == a->want &&
		    (rc == 0) == (id.text.n == 3), "%s: %d, %u", a->name, rc,
		    id.identity);
	}
	CHECK(!authconn_binding(&f), "no binding");
	f.end_point_n = 32;
	CHECK(authconn_binding(&f), "any is one");
	buf_free(&b);
	return (test_done());
}
