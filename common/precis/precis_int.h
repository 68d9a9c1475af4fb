/* Between the files of this component: runs of code points. */
#ifndef PRECIS_INT_H
#define PRECIS_INT_H

#include <stdint.h>
#include "precis.h"

/* As many code points as the longest string can become before composition. */
#define POINTS_MAX	(PRECIS_PASSWORD_MAX * 4)

struct points {
	uint32_t	*p;
	size_t		 n;
	size_t		 cap;
};

/* Decode strictly; PRECIS_UTF8 or PRECIS_NOMEM.  Freed by points_free(). */
enum precis	 points_decode(struct points *, struct span);
/* Wipes. */
void		 points_free(struct points *);
/* To NFC, in place. */
enum precis	 points_nfc(struct points *);
/* Is every code point valid in FreeformClass, there where it is? */
enum precis	 points_freeform(const struct points *);

#endif
