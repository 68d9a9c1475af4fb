/*
 * A small body and a large one, taken in from a descriptor and read back.
 */
#include <sys/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "body.h"

/* A large one is all in. */
static void
all_in(struct body_in *in, int error, void *arg)
{
	(void)in;
	*(int *)arg = error == 0 ? 1 : -1;
}

/* Store what fd holds behind a prefix; its identity, or 0. */
static uint64_t
take_in(struct dbenv *env, struct body *bodies, int fd)
{
	int			 state = 0;
	struct body_source	 src = { .fd = fd, .max = 1 << 20,
				    .prefix = span_str("X-First: yes\r\n"),
				    .done = all_in, .arg = &state };
	struct body_in		*in;
	uint64_t		 id = 0;

	if (body_in_start(bodies, &src, &in) == 0)
		while (state == 0)	/* by a helper thread; see dbenv_fd() */
			dbenv_notify(env);
	if (in == NULL || dbenv_begin(env) == -1)
		return (0);
	if (body_in_put(in, 1, &id) == 0)
		dbenv_commit(env);
	else
		dbenv_abort(env);
	body_in_free(in);
	dbenv_turn_end(env);
	return (id);
}

static void
show(struct body *bodies, uint64_t id)
{
	struct body_info	 info;
	char			 text[12];

	if (body_stat(bodies, id, &info) == -1 ||
	    body_read(bodies, id, 0, text, sizeof(text)) != sizeof(text)) {
		printf("no such body\n");
		return;
	}
	printf("%llu octets, %u reference, %s, begins with %.12s\n",
	    (unsigned long long)info.size, info.refs,
	    info.big ? "a file" : "in the database", text);
}

int
main(void)
{
	struct dbenv_conf	 conf = { .home = "./env" };
	char			 dir[] = "/tmp/body-example.XXXXXX";
	struct dbenv		*env;
	struct body		*bodies;
	uint64_t		 small;
	int			 fd = memfd_create("message", 0);

	if (fd == -1 || dprintf(fd, "\r\nA line.\r\n") == -1 ||
	    mkdtemp(dir) == NULL || chdir(dir) == -1 ||
	    dbenv_open(&conf, &env, NULL) == -1 ||
	    (bodies = body_open(env)) == NULL)
		return (1);
	small = take_in(env, bodies, fd);
	show(bodies, small);
	if (ftruncate(fd, 100000) == 0)
		show(bodies, take_in(env, bodies, fd));

	dbenv_begin(env);
	body_unref(bodies, small);
	dbenv_commit(env);
	dbenv_turn_end(env);
	show(bodies, small);
	body_close(bodies);
	dbenv_close(env);
	close(fd);
	fflush(stdout);
	return (chdir("/") == -1 || execlp("rm", "rm", "-r", dir,
	    (char *)NULL) == -1);
}
