/* Flipped bits, what verify finds, and a backup that is taken while it runs. */
#include "dbtest.h"

#define RECORDS	2000

static void
fill_db(struct dbenv *env, struct dbenv_db *db, int n)
{
	char	 key[16], val[64];
	int	 i;

	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "key%06d", i);
		snprintf(val, sizeof(val), "the value of number %06d", i);
		dbtest_put(db, key, val);
	}
	dbtest_flush(env);
}

/* Flip one bit of the first place where text stands; its page, or -1. */
static long
flip(const char *file, const char *text)
{
	static uint8_t	 page[DBENV_PAGE];
	uint8_t		*p;
	long		 no;
	int		 fd = open(file, O_RDWR);

	for (no = 0; pread(fd, page, sizeof(page), no * DBENV_PAGE) ==
	    sizeof(page); no++) {
		if ((p = memmem(page, sizeof(page), text,
		    strlen(text))) == NULL)
			continue;
		p[0] ^= 4;
		if (pwrite(fd, page, sizeof(page), no * DBENV_PAGE) !=
		    sizeof(page))
			break;
		close(fd);
		return (no);
	}
	close(fd);
	return (-1);
}

struct seen {
	uint32_t	 page;
	char		 db[16];
	char		 key[32];
	int		 n;
	int		 ended;
	int		 error;
};

static void
on_bad(struct dbenv_verify *v, const char *db, uint32_t page, struct span key)
{
	struct seen	*s = v->arg;

	s->n++;
	s->page = page;
	snprintf(s->db, sizeof(s->db), "%s", db);
	snprintf(s->key, sizeof(s->key), "%.*s", (int)key.n,
	    (const char *)key.p);
}

static void
on_end(struct dbenv_verify *v, int error)
{
	struct seen	*s = v->arg;

	s->ended = 1;
	s->error = error;
}

static void
verify_all(struct dbenv *env, struct dbenv_verify *v, struct seen *s)
{
	memset(v, 0, sizeof(*v));
	memset(s, 0, sizeof(*s));
	v->bad = on_bad;
	v->done = on_end;
	v->arg = s;
	dbenv_verify_pages(env, v);
	dbtest_loop(env, &s->ended);
}

static void
records(struct dbenv_db *db, struct dbenv_verify *v, struct seen *s)
{
	struct buf	 from = { 0 };
	int		 r, slices = 0;

	memset(v, 0, sizeof(*v));
	memset(s, 0, sizeof(*s));
	v->bad = on_bad;
	v->arg = s;
	while ((r = dbenv_verify_records(db, v, &from, 300)) == 1)
		slices++;
	s->error = r;
	s->ended = slices;
	buf_free(&from);
}

static void
bits(void)
{
	struct dbenv_conf	 c = dbtest_conf("bits");
	struct dbenv		*env = dbtest_open(&c);
	struct dbenv_db		*sum = dbenv_db(env, "index", 0);
	struct dbenv_db		*plain = dbenv_db(env, "body", DBENV_NOSUM);
	struct dbenv_iter	 it;
	struct dbenv_verify	 v;
	struct span		 k, val;
	struct seen		 s;
	long			 page;
	int			 good = 0, bad = 0, r;

	dbenv_start(env);
	fill_db(env, sum, RECORDS);
	fill_db(env, plain, RECORDS);
	verify_all(env, &v, &s);
	CHECK(s.error == 0 && v.nbad == 0, "a sound environment being written");
	dbenv_close(env);
	env = dbtest_open(&c);
	sum = dbenv_db(env, "index", 0);
	plain = dbenv_db(env, "body", DBENV_NOSUM);
	dbenv_start(env);
	verify_all(env, &v, &s);
	CHECK(s.error == 0 && v.nbad == 0 && v.checked > 20,
	    "a sound environment: %llu pages",
	    (unsigned long long)v.checked);
	records(sum, &v, &s);
	CHECK(s.error == 0 && s.ended == 6 && v.checked == RECORDS &&
	    v.nbad == 0, "its records, in %d slices and the rest", s.ended);
	dbenv_close(env);

	CHECK(flip("bits/body.db", "the value of number 000700") > 0,
	    "flip a bit of a value");
	page = flip("bits/index.db", "the value of number 001500");
	CHECK(page > 0, "and one of a page with a checksum");
	env = dbtest_open(&c);
	sum = dbenv_db(env, "index", 0);
	plain = dbenv_db(env, "body", DBENV_NOSUM);
	CHECK(env != NULL && sum != NULL && plain != NULL, "it opens");
	dbenv_start(env);
	CHECK(dbenv_get(plain, span_str("key000700"), &val) == -1 &&
	    errno == EILSEQ && val.n == 0, "the value is refused: %s",
	    dbenv_error(env));
	CHECK(dbtest_is(plain, "key000701", "the value of number 000701"),
	    "its neighbour is read");
	dbenv_iter_init(&it, plain, span_of(NULL, 0), span_of(NULL, 0));
	while ((r = dbenv_iter_next(&it, &k, &val)) != 0) {
		good += r == 1;
		bad += r == -1 && errno == EILSEQ &&
		    span_eqs(k, "key000700");
	}
	dbenv_iter_free(&it);
	CHECK(good == RECORDS - 1 && bad == 1, "an iterator goes on behind it");
	records(plain, &v, &s);
	CHECK(s.error == 0 && v.nbad == 1 && strcmp(s.key, "key000700") == 0 &&
	    strcmp(s.db, "body") == 0, "verify names the record");
	verify_all(env, &v, &s);
	CHECK(s.error == 0 && v.nbad == 1 && s.page == (uint32_t)page &&
	    strcmp(s.db, "index") == 0, "verify names page %ld: %u", page,
	    s.page);
	fflush(stdout);
	dbenv_close(env);
}

/* A copy into directory "copy". */
struct copy {
	int	 fd;
	int	 ended;
	int	 error;
	int	 files;
	int	 more;
};

static int
copy_open(struct dbenv_backup *bk, const char *name)
{
	struct copy	*c = bk->arg;
	char		 path[256];

	snprintf(path, sizeof(path), "copy/%s", name);
	c->files++;
	c->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	return (c->fd == -1 ? errno : 0);
}

static int
copy_write(struct dbenv_backup *bk, uint64_t off, const void *p, size_t n)
{
	struct copy	*c = bk->arg;

	return (pwrite(c->fd, p, n, (off_t)off) == (ssize_t)n ? 0 : EIO);
}

static int
copy_close(struct dbenv_backup *bk, const char *name)
{
	struct copy	*c = bk->arg;

	(void)name;
	return (close(c->fd) == -1 ? errno : 0);
}

static int
copy_more(struct dbenv_backup *bk)
{
	struct copy	*c = bk->arg;

	c->more++;
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
	struct dbenv_conf	 c = dbtest_conf("live");
	struct dbenv		*env;
	struct dbenv_db		*db;
	struct copy		 copy = { 0 };
	struct dbenv_backup	 bk = { .open = copy_open, .write = copy_write,
				    .close = copy_close, .more = copy_more,
				    .done = copy_done, .arg = &copy }, bk2 = bk;
	char			 key[16];
	int			 i;

	c.checkpoint = 1 << 20;
	env = dbtest_open(&c);
	db = dbenv_db(env, "test", 0);
	dbenv_start(env);
	fill_db(env, db, 20000);
	mkdir("copy", 0700);
	CHECK(dbenv_backup(env, &bk) == 0, "backup begins");
	CHECK(dbenv_backup(env, &bk2) == -1 && errno == EBUSY, "one at a time");
	for (i = 0; i < 100000 && !copy.ended; i++) {
		snprintf(key, sizeof(key), "during%06d", i);
		dbtest_put(db, key, "x");
		dbtest_loop(env, NULL);
	}
	dbtest_loop(env, &copy.ended);
	CHECK(copy.ended && copy.error == 0 && copy.files >= 3 &&
	    copy.more == 1, "and ends: %s, %d files, %d records meanwhile",
	    strerror(copy.error), copy.files, i);
	fill_db(env, db, 20100);
	dbenv_close(env);

	c = dbtest_conf("copy");
	CHECK(access("copy/restored", F_OK) == 0, "the copy says what it is");
	env = dbtest_open(&c);
	CHECK(access("copy/restored", F_OK) == -1, "until it was opened");
	CHECK(env != NULL && (db = dbenv_db(env, "test", 0)) != NULL &&
	    dbtest_is(db, "key000000", "the value of number 000000") &&
	    dbtest_is(db, "key019999", "the value of number 019999"),
	    "the copy opens and holds what was there before");
	CHECK(dbtest_is(db, "key020050", NULL), "and nothing from after");
	dbenv_close(env);
}

int
main(void)
{
	struct span	 v;
	struct buf	 b = { 0 };

	dbtest_begin();
	CHECK(dbenv_seal(&b, span_str("k"), span_str("value")) == 0 &&
	    b.n == 9, "seal");
	v = span_buf(&b);
	CHECK(dbenv_unseal(span_str("k"), &v) == 0 && span_eqs(v, "value"),
	    "unseal");
	v = span_buf(&b);
	CHECK(dbenv_unseal(span_str("l"), &v) == -1 && errno == EILSEQ,
	    "with another key");
	v = span_of(b.p, 3);
	CHECK(dbenv_unseal(span_str("k"), &v) == -1 && errno == EILSEQ,
	    "too short");
	b.p[1] ^= 1;
	v = span_buf(&b);
	CHECK(dbenv_unseal(span_str("k"), &v) == -1 && errno == EILSEQ,
	    "with a flipped bit");
	buf_free(&b);
	backup();
	bits();
	return (test_done());
}
