/*
 * authd: the program that init starts.  Without -R it is the parent; with it,
 * started by the parent, it is one of the roles that live in this program.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "roles.h"
#include "sandbox.h"

static void	 usage(void) __attribute__((__noreturn__));
static int	 role(const char *, int, char **);
static int	 check_only(const char *, int);
static void	 check_users(const struct conf *, struct report *);

static void
usage(void)
{
	fprintf(stderr, "usage: authd [-dn] [-D macro=value] [-f file]\n");
	exit(1);
}

static int
role(const char *name, int argc, char **argv)
{
	static const struct role_ops *const	 roles[] = { &control_ops,
						    &auth_ops, &keys_ops,
						    &lookup_ops };
	size_t					 i;

	for (i = 0; i < nitems(roles); i++)
		if (roles[i] != NULL &&
		    strcmp(name, role_name(roles[i]->role)) == 0)
			return (role_main(argc, argv, roles[i]));
	usage();
}

static void
check_users(const struct conf *c, struct report *r)
{
	struct buf	 where = { 0 };
	uid_t		 uid;
	gid_t		 gid;
	int		 i;

	buf_addf(&where, "%s:1", c->path);
	for (i = ROLE_CONTROL; i <= ROLE_RELAY; i++)
		if (sandbox_user(c->users[i], &uid, &gid) == -1)
			report_warning(r, buf_cstr(&where), "user \"%s\" of %s does not "
			    "exist, or is root", c->users[i],
			    role_name((enum role)i));
	buf_free(&where);
}

/* Is the file right, and what it names?  Twice -n: say what was understood. */
static int
check_only(const char *path, int print)
{
	struct report	 r = { 0 };
	struct conf	*c = parse_conf(path, &r);
	struct buf	 b = { 0 };
	int		 rc;

	if (c != NULL && print == 1) {
		load_certificates(c, &r);
		CONF_EACH(struct conf_cert, k, &c->certs) {
			buf_reset(&b);
			if (k->pem[0] != '\0' && r.errors == 0 &&
			    key_fits(k, &b) == -1)
				report_error(&r, k->where, "%s", buf_cstr(&b));
		}
		check_users(c, &r);
	}
	fputs(buf_cstr(&r.text), stderr);
	buf_reset(&b);
	if (c != NULL && print > 1) {
		print_conf(&b, c);
		fputs(buf_cstr(&b), stdout);
	} else if (r.errors == 0)
		fprintf(stderr, "configuration OK\n");
	rc = r.errors == 0 ? 0 : 1;
	buf_free(&b);
	buf_free(&r.text);
	conf_free(c);
	return (rc);
}

int
main(int argc, char **argv)
{
	const char	*path = SYSCONFDIR "/letterlock.conf", *as = NULL;
	struct report	 r = { 0 };
	struct conf	*c;
	char		*whole;
	int		 ch, check = 0, debug = 0;

	while ((ch = getopt(argc, argv, "D:dnf:R:")) != -1)
		switch (ch) {
		case 'D':
			if (parse_macro(optarg) == -1)
				errx(1, "-D %s: not of the form name=value",
				    optarg);
			break;
		case 'd':
			debug = 1;
			break;
		case 'n':
			check++;
			break;
		case 'f':
			path = optarg;
			break;
		case 'R':
			as = optarg;
			break;
		default:
			usage();
		}
	if (optind != argc)
		usage();
	if (as != NULL)
		return (role(as, argc, argv));
	if (check > 0)
		return (check_only(path, check));
	/* What whoever starts us had open is not ours to keep. */
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	if ((whole = realpath(path, NULL)) == NULL)
		err(1, "%s", path);
	if ((c = parse_conf(whole, &r)) != NULL)
		load_certificates(c, &r);
	fputs(buf_cstr(&r.text), stderr);
	buf_free(&r.text);
	if (r.errors > 0)
		return (1);
	return (parent_main(c, whole, debug));
}
