/*
 * MTA-STS, RFC 8461: what a domain says of the TLS of its mail servers, in a TXT
 * record and a policy text.  No DNS, no HTTPS, no clock: the caller has both
 * texts, and keeps them for as long as they say.
 */
#ifndef MTASTS_H
#define MTASTS_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define MTASTS_ID	32		/* octets of an id, section 3.1 */
#define MTASTS_TEXT	65536		/* octets of a policy text that are read */
#define MTASTS_LINES	1000
#define MTASTS_MX	64		/* patterns; more are malformed */
#define MTASTS_NAME	253		/* octets of one */
#define MTASTS_AGE	31557600	/* seconds, section 3.2: the most */

enum mtasts_mode { MTASTS_NONE, MTASTS_TESTING, MTASTS_ENFORCE };

struct mtasts_policy {
	enum mtasts_mode mode;
	uint32_t	 max_age;	/* seconds */
	size_t		 nmx;
	char		 mx[MTASTS_MX][MTASTS_NAME + 1];	/* lower case */
};

/*
 * The id in the TXT records of _mta-sts.DOMAIN, each with its strings joined:
 * 1 and a borrowed *id; 0: there is no policy, which is also what more than one
 * record means (section 3.1).
 */
int	 mtasts_record(const struct span *txt, size_t n, struct span *id);
/*
 * A policy text (section 3.2), as https://mta-sts.DOMAIN/.well-known/mta-sts.txt
 * gives it.  0; -1: why says what is wrong, with the line.
 */
int	 mtasts_parse(struct span text, struct mtasts_policy *, struct buf *why);
/* May mail go to this host (section 4.1)?  A pattern that begins with "*." is
 * for exactly one label more. */
int	 mtasts_match(const struct mtasts_policy *, const char *host);
/* "none", "testing", "enforce". */
const char *mtasts_mode_name(enum mtasts_mode);

#endif
