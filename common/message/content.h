/*
 * The values of Content-Type and Content-Disposition: a type and parameters,
 * RFC 2045 section 5.1, RFC 2183, with the continuations and character sets of
 * RFC 2231.  Linear; parameters beyond the bound are passed over.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include "buf.h"
#include "mime.h"

#define CONTENT_PARAMS	128

/*
 * Without quoting; pieces (name*0, name*1 ...) put together.  A name that ends
 * in * has a value of the form charset'language'text%20with%20octets.
 */
struct content_param {
	struct span	 name, value;
};

/* Spans borrow from text, until the next value is parsed. */
struct content {
	struct span		 type, subtype;	/* subtype empty: disposition */
	struct content_param	 params[CONTENT_PARAMS];
	size_t			 nparams;
	struct buf		 text;
};

/* All of it ready for content_type() and others; content_free() frees. */
void		 content_init(struct content *);
void		 content_free(struct content *);
/*
 * Parse; may be called again and again on the same struct.  Returns 0, or -1:
 * EINVAL (no type/subtype: RFC 2045 section 5.2 says text/plain), ENOMEM.
 */
int		 content_type(struct content *, struct span value);
int		 content_disposition(struct content *, struct span value);
/*
 * The value of a parameter, case not counting; of the plain form, else that
 * with *.  An empty span with p NULL: there is none.  *extended (may be NULL):
 * it is of the form with *.
 */
struct span	 content_param(const struct content *, const char *name,
		    int *extended);
/* What a Content-Transfer-Encoding value is. */
enum mime_encoding	 content_encoding(struct span value);

#endif
