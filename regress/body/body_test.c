/* Bodies: in, out, references, files and their removal. */
#include <dirent.h>

#include "body.h"
#include "dbtest.h"

#define MAX_BODY	(4 << 20)

static struct dbenv	*env;
static struct body	*bodies;

static void
begin(void)
{
	struct dbenv_conf	 c = dbtest_conf("env");

	if ((env = dbtest_open(&c)) == NULL ||
	    (bodies = body_open(env)) == NULL || dbenv_start(env) == -1) {
		printf("Bail out! %s\n", env == NULL ? "open" :
		    dbenv_error(env));
		exit(1);
	}
}

static void
end(void)
{
	body_close(bodies);
	dbenv_close(env);
}

/* Octet off of the body that seed stands for. */
static uint8_t
octet(unsigned int seed, uint64_t off)
{
	return ((uint8_t)(off * 31 + off / 251 + seed));
}

/* An unlinked file of n such octets. */
static int
file_of(unsigned int seed, size_t n)
{
	uint8_t	*p = malloc(n + 1);
	size_t	 i;
	int	 fd = body_spool(bodies);

	for (i = 0; i < n; i++)
		p[i] = octet(seed, i);
	if (write(fd, p, n) != (ssize_t)n)
		exit(1);
	free(p);
	return (fd);
}

struct fed {
	uint32_t	 crc;
	uint64_t	 n;
	int		 stop;		/* errno to stop with */
	int		 done;
	int		 error;
};

static int
on_feed(void *arg, struct span s)
{
	struct fed	*f = arg;

	f->crc = crc32c(f->crc, s.p, s.n);
	f->n += s.n;
	return (f->stop);
}

static void
on_done(struct body_in *in, int error, void *arg)
{
	struct fed	*f = arg;

	(void)in;
	f->done = 1;
	f->error = error;
}

/* Take in n octets behind a prefix; wait until it is whole. */
static struct body_in *
take(int fd, const char *prefix, uint64_t max, struct fed *f)
{
	struct body_source	 src = { .fd = fd, .max = max, .feed = on_feed,
				    .done = on_done, .arg = f };
	struct body_in		*in;
	int			 r, e;

	src.prefix = span_str(prefix);
	r = body_in_start(bodies, &src, &in);
	e = errno;
	if (fd != -1)
		close(fd);
	if (r == -1) {
		f->error = e;
		return (NULL);
	}
	f->done |= r == 1;
	dbtest_loop(env, &f->done);
	return (in);
}

static int
same(unsigned int seed, const char *prefix, size_t n, uint64_t id)
{
	static uint8_t	 p[MAX_BODY + 16];
	size_t		 i, np = strlen(prefix), off = 0;
	ssize_t		 got;

	/* odd pieces */
	while ((got = body_read(bodies, id, off, p + off, 40001)) > 0)
		off += (size_t)got;
	if (got == -1 || off != np + n || memcmp(p, prefix, np) != 0) {
		printf("# %zu of %zu octets: %s\n", off, np + n,
		    got == -1 ? strerror(errno) : "");
		return (0);
	}
	for (i = 0; i < n; i++)
		if (p[np + i] != octet(seed, i))
			return (0);
	return (1);
}

static uint64_t
store(unsigned int seed, size_t n, uint32_t refs)
{
	struct fed	 f = { 0 };
	struct body_in	*in = take(file_of(seed, n), "", MAX_BODY, &f);
	uint64_t	 id = 0;

	if (in == NULL || f.error != 0 ||
	    body_in_put(in, refs, &id) == -1 || dbtest_flush(env) != 0)
		printf("# storing failed\n");
	body_in_free(in);
	return (id);
}

static int
files(void)
{
	struct dirent	*d;
	char		 path[64];
	DIR		*dir;
	int		 i, n = 0;

	for (i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "env/big/%02x", i);
		if ((dir = opendir(path)) == NULL)
			return (-1);
		while ((d = readdir(dir)) != NULL)
			n += d->d_name[0] != '.';
		closedir(dir);
	}
	return (n);
}

/* Removal is asynchronous: let it happen. */
static int
files_become(int want)
{
	int	 i;

	for (i = 0; i < 30000 && files() != want; i++) {
		usleep(2000);
		dbtest_loop(env, NULL);
	}
	return (files() == want);
}

static const struct {
	const char	*name;
	const char	*prefix;
	size_t		 n;
	int		 big;
} sizes[] = {
	{ "empty",			"",		0,		0 },
	{ "one octet",			"",		1,		0 },
	{ "a usual one",		"",		4500,		0 },
	{ "the largest small one",	"",		BODY_INLINE,	0 },
	{ "the smallest large one",	"",		BODY_INLINE + 1, 1 },
	{ "small by its prefix",	"1234",		BODY_INLINE - 4, 0 },
	{ "large by its prefix",	"12345",	BODY_INLINE - 4, 1 },
	{ "a slice",			"",		BODY_SLICE,	1 },
	{ "large",			"Return-Path: <>\r\n", 3000000,	1 },
};

static void
all_sizes(void)
{
	struct body_info	 info;
	struct body_in		*in;
	struct fed		 f;
	uint64_t		 id, last = 0, nbig = 0;
	uint32_t		 crc;
	size_t			 i;

	for (i = 0; i < nitems(sizes); i++) {
		memset(&f, 0, sizeof(f));
		nbig += (uint64_t)sizes[i].big;
		in = take(file_of((unsigned int)i, sizes[i].n),
		    sizes[i].prefix, MAX_BODY, &f);
		CHECK(in != NULL && f.done && f.error == 0, "%s: is in",
		    sizes[i].name);
		CHECK(body_in_size(in) == f.n && body_in_crc(in) == f.crc &&
		    f.n == sizes[i].n + strlen(sizes[i].prefix),
		    "%s: what is stored is what was fed", sizes[i].name);
		CHECK((body_in_octets(in).p == NULL) == sizes[i].big &&
		    body_in_octets(in).n == (sizes[i].big ? 0 : f.n),
		    "%s: its octets", sizes[i].name);
		crc = body_in_crc(in);
		dbenv_begin(env);
		CHECK(body_in_put(in, 2, &id) == 0 && dbenv_commit(env) == 0 &&
		    dbtest_flush(env) == 0 && id > last, "%s: put",
		    sizes[i].name);
		body_in_free(in);
		last = id;
		CHECK(body_stat(bodies, id, &info) == 0 && info.size == f.n &&
		    info.crc == crc && info.refs == 2 &&
		    info.big == sizes[i].big, "%s: its record", sizes[i].name);
		CHECK(same((unsigned int)i, sizes[i].prefix, sizes[i].n, id),
		    "%s: reads back", sizes[i].name);
	}
	CHECK(files() == (int)nbig, "a file for each large one");
}

static void
refused(void)
{
	struct body_source	 src = { .max = 100, .done = on_done };
	struct fed		 f = { 0 };
	struct body_in		*in;
	uint64_t		 id;
	int			 p[2];

	CHECK(take(file_of(1, 101), "", 100, &f) == NULL && f.error == EFBIG,
	    "over max, small");
	CHECK(take(file_of(1, 90), "12345678901", 100, &f) == NULL &&
	    f.error == EFBIG, "over max with its prefix");
	CHECK(take(file_of(1, 100001), "", 100000, &f) == NULL &&
	    f.error == EFBIG, "over max, large");
	if (pipe(p) == -1)
		return;
	src.fd = p[0];
	CHECK(body_in_start(bodies, &src, &in) == -1 && errno == EINVAL,
	    "a pipe");
	close(p[1]);
	close(p[0]);
	src.fd = 999;
	CHECK(body_in_start(bodies, &src, &in) == -1 && errno == EBADF,
	    "no descriptor");
	f.stop = EPROTO;
	CHECK(take(file_of(1, 50), "", 100, &f) == NULL && f.error == EPROTO,
	    "feed stops a small one");
	memset(&f, 0, sizeof(f));
	f.stop = EPROTO;
	in = take(file_of(1, 500000), "", MAX_BODY, &f);
	CHECK(in != NULL && f.error == EPROTO, "and a large one");
	CHECK(body_in_put(in, 1, &id) == -1 && errno == EINVAL,
	    "which cannot be put");
	body_in_free(in);
	memset(&f, 0, sizeof(f));
	in = take(-1, "prefix alone", 100, &f);
	CHECK(in != NULL && span_eqs(body_in_octets(in), "prefix alone"),
	    "a prefix is enough");
	body_in_free(in);
	CHECK(body_stat(bodies, 1 << 30, &(struct body_info){ 0 }) == -1 &&
	    errno == ENOENT && body_unref(bodies, 0) == -1 &&
	    errno == ENOENT, "no such body");
}

static void
given_up(void)
{
	struct body_source	 src = { .max = MAX_BODY, .feed = on_feed,
				    .done = on_done };
	struct fed		 f = { 0 };
	struct body_in		*in;
	struct body_stats	 st;
	uint64_t		 n;
	int			 before = files(), i;

	src.arg = &f;
	src.fd = file_of(3, 3000000);
	CHECK(body_in_start(bodies, &src, &in) == 0, "a large one begins");
	close(src.fd);
	body_in_free(in);
	n = f.n;
	for (i = 0; i < 120000; i++) {
		body_stats(bodies, &st);
		if (i > 100 && st.in_now == 0)
			break;
		dbtest_loop(env, NULL);
		usleep(1000);
	}
	CHECK(!f.done && f.n == n && st.in_now == 0 && files_become(before),
	    "and is given up: %llu octets fed", (unsigned long long)n);
}

/* What stands behind the size in a file is somebody else's. */
static void
told_sizes(void)
{
	static const struct {
		size_t		 there;
		uint64_t	 size, want;
	} cases[] = {
		{ 5000, 100, 100 }, { 5000, 5000, 5000 }, { 100, 5000, 100 },
		{ 300000, 100, 100 }, { 300000, 200000, 200000 },
		{ 300000, BODY_INLINE, BODY_INLINE },
		{ 1000, 200000, 1000 },
	};
	struct body_source	 src = { .max = MAX_BODY, .feed = on_feed,
				    .done = on_done };
	struct body_in		*in;
	struct fed		 f;
	size_t			 i;
	int			 before = files(), r;

	for (i = 0; i < nitems(cases); i++) {
		memset(&f, 0, sizeof(f));
		src.arg = &f;
		src.fd = file_of(1, cases[i].there);
		src.size = cases[i].size;
		src.prefix = span_str("ab");
		r = body_in_start(bodies, &src, &in);
		close(src.fd);
		f.done |= r == 1;
		if (r != -1)
			dbtest_loop(env, &f.done);
		CHECK(r != -1 && body_in_size(in) == cases[i].want + 2 &&
		    f.n == cases[i].want + 2, "%llu octets of %zu",
		    (unsigned long long)cases[i].size, cases[i].there);
		body_in_free(in);
	}
	CHECK(files_become(before), "none is left");
	src.fd = dup(0);
	close(src.fd);
	src.size = 10;
	CHECK(body_in_start(bodies, &src, &in) == -1 && errno == EBADF,
	    "octets of nothing");
}

static void
references(void)
{
	struct body_info	 info;
	struct fed		 f = { 0 };
	struct body_in		*in;
	int			 before = files();
	uint64_t		 big = store(5, 100000, 1);
	uint64_t		 small = store(6, 1000, 1), id;

	CHECK(files() == before + 1, "a file");
	CHECK(body_ref(bodies, big, 3) == 0 && body_ref(bodies, small, 1) == 0,
	    "more references");
	CHECK(body_stat(bodies, big, &info) == 0 && info.refs == 4, "counted");
	CHECK(body_unref(bodies, big) == 0 && body_unref(bodies, big) == 0 &&
	    body_unref(bodies, big) == 0 && body_unref(bodies, small) == 0 &&
	    dbtest_flush(env) == 0 && same(5, "", 100000, big) &&
	    same(6, "", 1000, small), "the last one keeps it");
	dbenv_begin(env);
	CHECK(body_unref(bodies, big) == 0 && body_unref(bodies, small) == 0 &&
	    body_stat(bodies, big, &info) == -1 && errno == ENOENT,
	    "dropped in a command");
	dbenv_abort(env);
	dbtest_flush(env);
	usleep(20000);
	dbtest_loop(env, NULL);
	CHECK(same(5, "", 100000, big) && same(6, "", 1000, small),
	    "that is undone: both are there");
	CHECK(body_unref(bodies, big) == 0 && body_unref(bodies, small) == 0 &&
	    files() == before + 1, "dropped: the file waits for the flush");
	dbtest_flush(env);
	CHECK(files_become(before), "and is removed after it");
	CHECK(body_stat(bodies, small, &info) == -1 && errno == ENOENT &&
	    body_read(bodies, small, 0, &info, 1) == -1 && errno == ENOENT,
	    "the small one as well");

	in = take(file_of(7, 80000), "", MAX_BODY, &f);
	dbenv_begin(env);
	body_in_put(in, 1, &id);
	dbenv_abort(env);
	CHECK(body_stat(bodies, id, &info) == -1, "put in a command undone");
	CHECK(body_in_put(in, 1, &big) == 0 && big == id &&
	    dbtest_flush(env) == 0 && same(7, "", 80000, id),
	    "put again, the same identity");
	CHECK(body_in_put(in, 1, &id) == -1 && errno == EEXIST,
	    "put twice");
	body_in_free(in);
	dbtest_flush(env);
	usleep(20000);
	dbtest_loop(env, NULL);
	CHECK(same(7, "", 80000, big), "freeing what was put leaves it");
	memset(&f, 0, sizeof(f));
	before = files();
	in = take(file_of(7, 80000), "", MAX_BODY, &f);
	body_in_put(in, 1, &id);
	body_unref(bodies, id);
	body_in_free(in);
	dbtest_flush(env);
	CHECK(files_become(before), "freeing what was put and dropped");
	memset(&f, 0, sizeof(f));
	in = take(file_of(7, 80000), "", MAX_BODY, &f);
	CHECK(files() == before + 1, "one that is never put");
	body_in_free(in);
	CHECK(files_become(before), "leaves no file");
}

static void
descriptors(void)
{
	uint64_t	 big = store(8, 200000, 1), small = store(9, 777, 1);
	uint8_t		 b[256], c = 0;
	int		 fd;

	fd = body_fd(bodies, small);
	CHECK(fd != -1 && pread(fd, b, sizeof(b), 700) == 77 &&
	    b[76] == octet(9, 776), "a memfd for a small one");
	CHECK(pwrite(fd, &c, 1, 0) == -1 && ftruncate(fd, 0) == -1,
	    "which is sealed");
	close(fd);
	fd = body_fd(bodies, big);
	CHECK(fd != -1 && pread(fd, b, 1, 199999) == 1 &&
	    b[0] == octet(8, 199999) && write(fd, &c, 1) == -1,
	    "the file for a large one, read-only");
	close(fd);
}

struct checked {
	struct body_check	 c;
	int			 done;
	int			 error;
};

static void
on_check(struct body_check *c, int error)
{
	struct checked	*k = c->arg;

	k->done = 1;
	k->error = error;
}

static int
check(uint64_t id)
{
	struct checked	 k = { .c.done = on_check };

	k.c.arg = &k;
	body_check(bodies, id, &k.c);
	dbtest_loop(env, &k.done);
	return (k.done ? k.error : ETIMEDOUT);
}

static void
damaged(void)
{
	uint64_t	 big = store(10, 300000, 1), id = 0;
	uint8_t		 b[16];
	char		 path[64];
	int		 fd, all = 1, n = 0;

	while (body_next(bodies, id, &id) == 0) {
		all &= check(id) == 0;
		n++;
	}
	CHECK(errno == ENOENT && all && n > 5 && id == 0,
	    "all %d bodies are sound", n);
	CHECK(check(1 << 30) == ENOENT, "none to check");
	snprintf(path, sizeof(path), "env/big/%02x/%016llx",
	    (unsigned int)(big & 255), (unsigned long long)big);
	fd = open(path, O_RDWR);
	b[0] = octet(10, 270000) ^ 1;
	CHECK(pwrite(fd, b, 1, 270000) == 1 && check(big) == EILSEQ,
	    "a flipped bit");
	b[0] ^= 1;
	CHECK(pwrite(fd, b, 1, 270000) == 1 && check(big) == 0, "back");
	CHECK(ftruncate(fd, 299999) == 0 && check(big) == EILSEQ &&
	    body_read(bodies, big, 299990, b, 16) == -1 && errno == EILSEQ,
	    "cut short");
	close(fd);
	unlink(path);
	CHECK(check(big) == EILSEQ && body_fd(bodies, big) == -1 &&
	    errno == EILSEQ, "gone");
	body_unref(bodies, big);
	dbtest_flush(env);
}

static void
plant(const char *path)
{
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void
swept(void)
{
	struct body_stats	 st;
	uint64_t		 big = store(11, 100000, 1), id;
	int			 before = files(), i;

	plant("env/big/07/0000000000999907");
	plant("env/big/fe/00000000009999fe");
	CHECK(files() == before + 2, "files that no record names");
	body_sweep(bodies);
	body_sweep(bodies);
	CHECK(files_become(before), "are swept while it runs");
	for (i = 0; i < 60000; i++) {
		body_stats(bodies, &st);
		if (st.swept == 2)
			break;
		usleep(1000);
		dbtest_loop(env, NULL);
	}
	CHECK(st.swept == 2 && same(11, "", 100000, big), "those alone");
	id = store(12, 10, 1);
	CHECK(body_unref(bodies, id) == 0 && dbtest_flush(env) == 0,
	    "the last identity is dropped");
	end();
	plant("env/big/07/0000000000999907");
	plant("env/big/07/0000000000999907.tmp");
	begin();
	CHECK(files() == before, "and at the start");
	CHECK(same(11, "", 100000, big), "what is named stays");
	CHECK(store(12, 10, 1) > id, "no identity is given twice");
	body_sweep(bodies);
}

struct copy {
	int	 files;
	int	 big;
	int	 ended;
	int	 error;
};

static int
copy_open(struct dbenv_backup *bk, const char *name)
{
	struct copy	*c = bk->arg;

	c->files++;
	c->big += strncmp(name, "big/", 4) == 0 && strlen(name) == 23;
	return (0);
}

static int
copy_write(struct dbenv_backup *bk, uint64_t off, const void *p, size_t n)
{
	(void)bk;
	(void)off;
	(void)p;
	(void)n;
	return (0);
}

static int
copy_close(struct dbenv_backup *bk, const char *name)
{
	(void)bk;
	(void)name;
	return (0);
}

static void
copy_done(struct dbenv_backup *bk, int error)
{
	struct copy	*c = bk->arg;

	c->ended = 1;
	c->error = error;
}

static void
backup(void)
{
	uint64_t		 id = store(13, 90000, 1);
	int			 before = files();
	struct copy		 c = { 0 };
	struct dbenv_backup	 bk = { .open = copy_open, .write = copy_write,
				    .close = copy_close, .done = copy_done,
				    .arg = &c };

	CHECK(body_backup(bodies, &bk) == 0, "a backup");
	body_unref(bodies, id);
	CHECK(dbtest_flush(env) == 0 && (c.ended || files() == before),
	    "removes no file");
	dbtest_loop(env, &c.ended);
	CHECK(c.ended && c.error == 0 && c.big >= before - 1 &&
	    c.files > c.big + 3, "%d files, %d large bodies: %s", c.files,
	    c.big, strerror(c.error));
	CHECK(files_become(before - 1), "until it has ended");
}

int
main(void)
{
	dbtest_begin();
	begin();
	all_sizes();
	refused();
	given_up();
	told_sizes();
	references();
	descriptors();
	damaged();
	swept();
	backup();
	end();
	return (test_done());
}
