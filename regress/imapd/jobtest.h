/*
 * Instead of store_ctl.c and page.c: a job for letterctl, and what is answered.
 */
#ifndef JOBTEST_H
#define JOBTEST_H

#include "buf.h"

extern int		 job_status;	/* -1: none yet */
extern struct buf	 job_said;	/* text, and rows behind it */

#endif
