/*
 * The queue's process: links, start, reload, end.
 */
#include <stdlib.h>

#include "proc.h"

extern const struct role_ops	 queued_ops;

const struct role_ops	 queued_ops = { .role = ROLE_QUEUED };
