/* What a database environment says goes to the log of its process. */
#ifndef DBLOG_H
#define DBLOG_H

#include "dbenv.h"

/* For the log function of struct dbenv_conf; whose: "queue", "partition 03". */
void	 dblog(const char *whose, enum dbenv_level, const char *text);

#endif
