/*
 * imapd: started by authd, as one of its two roles.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"

extern const struct role_ops	 front_ops, store_ops;

static void	 usage(void) __attribute__((__noreturn__));

static void
usage(void)
{
	fprintf(stderr, "usage: imapd -R front|store (authd does that)\n");
	exit(1);
}

int
main(int argc, char **argv)
{
	static const struct role_ops *const	 roles[] = { &front_ops,
						    &store_ops };
	const char				*as = NULL;
	size_t					 i;
	int					 ch;

	while ((ch = getopt(argc, argv, "R:")) != -1)
		switch (ch) {
		case 'R':
			as = optarg;
			break;
		default:
			usage();
		}
	if (as == NULL || optind != argc)
		usage();
	for (i = 0; i < nitems(roles); i++)
		if (strcmp(as, role_name(roles[i]->role)) == 0)
			return (role_main(argc, argv, roles[i]));
	usage();
}
