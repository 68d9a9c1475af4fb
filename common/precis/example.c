/*
 * A password typed on two keyboards, and names that look alike.
 */
#include <stdio.h>

#include "precis.h"

static const char *const passwords[] = {
	"correct horse",
	"A\xcc\x8a\xc2\xa0z",		/* A, ring, no-break space */
	"\xc3\x85 z",				/* the same, precomposed */
	"tab\tbed",
	"",
};

static const char *const names[] = {
	"bob@example.org",
	"e\xcc\x81@example.org",		/* e, acute accent */
	"\xe2\x84\xa6@example.org",		/* OHM SIGN */
	"\xce\xa9@example.org",			/* GREEK OMEGA */
};

int
main(void)
{
	struct buf	 out = { 0 };
	enum precis	 rc;
	size_t		 i;

	for (i = 0; i < nitems(passwords); i++) {
		rc = precis_password(&out, span_str(passwords[i]));
		if (rc == PRECIS_OK)
			printf("password \"%s\"\n", buf_cstr(&out));
		else
			printf("no password: %s\n", precis_text(rc));
		buf_freezero(&out);
	}
	for (i = 0; i < nitems(names); i++) {
		if (precis_name(&out, span_str(names[i])) == PRECIS_OK)
			printf("name %s, it was %s\n", buf_cstr(&out),
			    precis_text(precis_name_check(
			    span_str(names[i]))));
		buf_free(&out);
	}
	return (0);
}
