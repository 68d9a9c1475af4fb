/*
 * Records of a partition that was salvaged agree again.  See repair.c.
 */
#ifndef REPAIR_H
#define REPAIR_H

#include "part.h"

/* Before dbenv_start().  0, or -1 with errno. */
int	 part_repair(struct part *);

#endif
