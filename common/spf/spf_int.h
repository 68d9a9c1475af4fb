/* Inside SPF; see spf.h. */
#ifndef SPF_INT_H
#define SPF_INT_H

#include "spf.h"

#define SPF_TERMS	10	/* that cost a question, section 4.6.4 */
#define SPF_VOID	2	/* questions without an answer */
#define SPF_NAMES	10	/* of an MX or a PTR */
#define SPF_DEPTH	12	/* of include and redirect */
#define SPF_RECORD	4096	/* octets of a record */
#define SPF_DOMAIN	253	/* of a name after macros */
#define SPF_ANSWERS	256	/* remembered */

enum spf_mechanism {
	M_ALL, M_INCLUDE, M_A, M_MX, M_PTR, M_IP4, M_IP6, M_EXISTS,
	M_REDIRECT, M_EXP, M_UNKNOWN	/* modifiers */
};

struct spf_term {
	enum spf_mechanism	 what;
	enum spf_result		 qualifier;
	struct span		 text;		/* all of it */
	struct span		 domain;	/* a domain-spec, or empty */
	struct dns_addr		 ip;		/* ip4, ip6 */
	int			 cidr4, cidr6;	/* -1: not given */
};

/* Who sends, for macros. */
struct spf_who {
	struct dns_addr	 ip;
	const char	*helo, *receiver;
	struct span	 local, domain;		/* of the sender */
	const char	*validated;		/* name for %{p} */
};

/*
 * The next term of a record, taken from its front.  1, 0 at the end, -1 with the
 * fault in why.
 */
int	 spf_term_next(struct span *record, struct spf_term *, struct buf *why);
/* Does a text begin like a record?  What follows the version is left in it. */
int	 spf_record_begins(struct span *text);
/* Is a domain-spec well formed; exp: explanations have blanks and more macros. */
int	 spf_macro_valid(struct span, int exp);
/* Does it use %{p}? */
int	 spf_macro_wants_name(struct span);
/* Expand; domain is <domain> of section 4.1.  0, or -1 malformed. */
int	 spf_macro_expand(struct span, const struct spf_who *,
	    const char *domain, int exp, struct buf *);

#endif
