/*
 * smtpd: SMTP sessions, mail from outside and submissions ("-R smtpd").
 * Started by authd(8).
 */
#include <stdio.h>
#include <string.h>

#include "smtpd.h"

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "-R") == 0 &&
	    strcmp(argv[2], "smtpd") == 0)
		return (role_main(argc, argv, &smtpd_ops));
	fprintf(stderr, "smtpd is started by authd(8)\n");
	return (1);
}
