/*
 * How many messages a second: each a body of 4,500 octets and two index
 * records in a command of its own, so many of them in flight.
 *
 *	dbenv_bench DIR SECONDS INFLIGHT...
 */
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "body.h"
#include "test.h"

static struct dbenv	*env;
static struct body	*bodies;
static struct dbenv_db	*idx, *extra;
static uint64_t		 done_count, serial;
static unsigned int	 ready;

static void
on_fatal(void *arg, const char *text)
{
	(void)arg;
	errx(1, "fatal: %s", text);
}

static void
on_done(struct dbenv_wait *w, int error)
{
	if (error != 0)
		errx(1, "undone: %s", strerror(error));
	done_count++;
	ready++;
	free(w);
}

static void
one_message(int fd)
{
	struct body_source	 src = { .fd = fd, .max = 1 << 20 };
	struct dbenv_wait	*w;
	struct body_in		*in;
	struct buf		 k = { 0 };
	uint8_t			 rec[96] = { 0 };
	uint64_t		 id;

	if (body_in_start(bodies, &src, &in) != 1 || dbenv_begin(env) == -1 ||
	    body_in_put(in, 1, &id) == -1)
		err(1, "%s", dbenv_error(env));
	buf_put_u32(&k, (uint32_t)(serial % 100));
	buf_put_u64(&k, serial++);
	if (dbenv_put(idx, span_buf(&k), span_of(rec, sizeof(rec))) == -1 ||
	    dbenv_put(extra, span_buf(&k), span_of(rec, sizeof(rec))) == -1 ||
	    dbenv_commit(env) == -1)
		err(1, "%s", dbenv_error(env));
	body_in_free(in);
	buf_free(&k);
	if ((w = calloc(1, sizeof(*w))) == NULL)
		err(1, NULL);
	w->done = on_done;
	dbenv_wait(env, dbenv_seq(env), w);
}

static double
now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

static void
run(int fd, unsigned int inflight, double seconds)
{
	struct pollfd	 p = { .fd = dbenv_fd(env), .events = POLLIN };
	struct dbenv_stats st, was;
	double		 t = now(), turn = 0, t1;

	dbenv_stats(env, &was);
	done_count = 0;
	ready = inflight;
	while (now() - t < seconds) {
		t1 = now();
		while (ready > 0) {
			ready--;
			one_message(fd);
		}
		dbenv_turn_end(env);
		if (now() - t1 > turn)
			turn = now() - t1;
		poll(&p, 1, -1);
		dbenv_notify(env);
	}
	t = now() - t;
	while (ready < inflight) {
		poll(&p, 1, -1);
		dbenv_notify(env);
	}
	dbenv_stats(env, &st);
	printf("%3u in flight: %7.0f messages/s, %5.0f flushes/s of %.2f ms, "
	    "longest turn %.1f ms\n", inflight, (double)done_count / t,
	    (double)(st.flushes - was.flushes) / t,
	    (double)(st.flush_us - was.flush_us) /
	    (double)(st.flushes - was.flushes) / 1000, turn * 1000);
}

static void
scan(void)
{
	struct dbenv_iter	 it;
	struct span		 k, v;
	double			 t;
	uint64_t		 n;
	int			 i;

	for (i = 0; i < 2; i++) {
		t = now();
		n = 0;
		dbenv_iter_init(&it, idx, span_of(NULL, 0), span_of(NULL, 0));
		while (n < 100000 && dbenv_iter_next(&it, &k, &v) == 1)
			n++;
		dbenv_iter_free(&it);
		t = now() - t;
		printf("scan: %llu records in %.2f ms\n",
		    (unsigned long long)n, t * 1000);
	}
}

int
main(int argc, char **argv)
{
	struct dbenv_conf	 conf = { .cache = 256 << 20,
				    .fatal = on_fatal };
	struct buf		 why = { 0 };
	FILE			*f;
	int			 i;

	if (argc < 4)
		errx(2, "usage: bench DIR SECONDS INFLIGHT...");
	conf.home = argv[1];
	if (dbenv_open(&conf, &env, &why) == -1)
		errx(1, "%s", buf_cstr(&why));
	if ((bodies = body_open(env)) == NULL ||
	    (idx = dbenv_db(env, "index", 0)) == NULL ||
	    (extra = dbenv_db(env, "fetch", 0)) == NULL ||
	    dbenv_start(env) == -1)
		errx(1, "%s", dbenv_error(env));
	if ((f = tmpfile()) == NULL)
		err(1, "tmpfile");
	for (i = 0; i < 4500; i++)
		putc("letters\n"[i % 8], f);
	fflush(f);
	for (i = 3; i < argc; i++)
		run(fileno(f), (unsigned int)atoi(argv[i]), atof(argv[2]));
	scan();
	body_close(bodies);
	dbenv_close(env);
	fclose(f);
	return (0);
}
