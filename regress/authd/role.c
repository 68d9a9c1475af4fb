/*
 * The programs beside authd, without their work: "-R role".
 */
#include <string.h>

#include "dummy.h"

int
main(int argc, char **argv)
{
	static const struct role_ops *const	 roles[] = { &smtpd_ops,
						    &front_ops, &store_ops,
						    &queued_ops, &relay_ops };
	size_t					 i;

	for (i = 0; i < nitems(roles); i++)
		if (argc == 3 &&
		    strcmp(argv[2], role_name(roles[i]->role)) == 0)
			return (role_main(argc, argv, roles[i]));
	return (1);
}
