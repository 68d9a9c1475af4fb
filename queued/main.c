/*
 * queued: the queue ("-R queued") and the workers that carry mail to other
 * systems ("-R relay"), one a transport.  Started by authd(8).
 */
#include <stdio.h>
#include <string.h>

#include "proc.h"

extern const struct role_ops	 queued_ops;
extern const struct role_ops	 relay_ops __attribute__((__weak__));

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "-R") == 0) {
		if (strcmp(argv[2], "queued") == 0)
			return (role_main(argc, argv, &queued_ops));
		if (strcmp(argv[2], "relay") == 0 && &relay_ops != NULL)
			return (role_main(argc, argv, &relay_ops));
	}
	fprintf(stderr, "queued is started by authd(8)\n");
	return (1);
}
