/*
 * Sender Policy Framework, RFC 7208: may this address send mail for this domain?
 * No DNS in here: an evaluation says what it wants to know, is told, and goes on.
 *
 *	s = spf_new(&ip, "mail.example.org", "user@example.org", "ourselves");
 *	while (spf_step(s, &question) == SPF_ASK)
 *		spf_answer(s, status, rdata, n);	the answer, when it is there
 *	spf_result(s), spf_reason(s), spf_explanation(s)
 *
 * All limits of section 4.6.4 are kept, so that there are at most some hundred
 * questions whatever the records say.
 */
#ifndef SPF_H
#define SPF_H

#include <stddef.h>

#include "buf.h"
#include "dns.h"

struct spf;

enum spf_result {		/* section 2.6 */
	SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL,
	SPF_TEMPERROR, SPF_PERMERROR
};
extern const char *const spf_result_names[];	/* "none" and so on */

enum spf_type { SPF_TXT, SPF_A, SPF_AAAA, SPF_MX, SPF_PTR };

struct spf_question {
	const char	*name;		/* without a final dot */
	enum spf_type	 type;
};

enum spf_status {
	SPF_FOUND,		/* there are records */
	SPF_NOTHING,		/* none of that type, or no such name */
	SPF_FAILED		/* no answer: temporarily */
};

enum spf_want { SPF_ASK, SPF_DONE };

/*
 * Evaluate.  sender is the address of MAIL FROM; "" or NULL for the null
 * reverse-path, whose stand-in is postmaster at helo (section 2.4).  receiver is
 * our name, for explanations alone.  All are copied.  NULL without memory.
 */
struct spf	*spf_new(const struct dns_addr *ip, const char *helo,
		    const char *sender, const char *receiver);
/* NULL is fine. */
void		 spf_free(struct spf *);
/* Go on until something must be asked or all is known. */
enum spf_want	 spf_step(struct spf *, struct spf_question *);
/* The answer to that question: the data of records in wire form. */
void		 spf_answer(struct spf *, enum spf_status,
		    const struct span *rdata, size_t n);

/* After SPF_DONE. */
enum spf_result	 spf_result(const struct spf *);
/* What decided: "mechanism ip4:192.0.2.0/24 of example.org", or what is wrong
 * with which record; never NULL. */
const char	*spf_reason(const struct spf *);
/* What the domain says about a failure (section 6.2), printable ASCII; "". */
const char	*spf_explanation(const struct spf *);
/* The terms that cost a question, of 10 that a record may use (4.6.4). */
unsigned	 spf_lookups(const struct spf *);
/*
 * Is that a record of this version, and is it well formed?  0; 1 it is another
 * text; -1 with the fault appended to why.
 */
int		 spf_check_record(struct span text, struct buf *why);

#endif
