/* What one build of the suite is called; its processes must agree. */
#ifndef BUILD_H
#define BUILD_H

#include "stamp.h"		/* generated: LETTERLOCK_STAMP */

#define LETTERLOCK_VERSION	"0.1"
#define LETTERLOCK_BUILD	LETTERLOCK_VERSION "-" LETTERLOCK_STAMP

#endif
