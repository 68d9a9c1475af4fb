/*
 * What a database environment says goes to the log of its process.
 */
#include "dblog.h"
#include "log.h"

void
dblog(const char *whose, enum dbenv_level level, const char *text)
{
	switch (level) {
	case DBENV_LOG_ERR:
		log_error("%s: %s", whose, text);
		break;
	case DBENV_LOG_WARN:
		log_warn("%s: %s", whose, text);
		break;
	case DBENV_LOG_INFO:
		log_info("%s: %s", whose, text);
		break;
	}
}
