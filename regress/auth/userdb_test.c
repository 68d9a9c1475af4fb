/*
 * The credentials database: accounts and what belongs to them, also after it
 * was closed and opened again.
 */
#include "dbenv/dbtest.h"

#include "authd/auth_userdb.h"

static struct userdb	 db;

static void
reopen(void)
{
	struct dbenv_conf	 dc = dbtest_conf("db");
	struct buf		 why = { 0 };

	if (db.env != NULL)
		userdb_close(&db);
	if (userdb_open(&db, &dc, &why) == -1) {
		printf("Bail out! %s\n", buf_cstr(&why));
		exit(1);
	}
	buf_free(&why);
}

static const struct {
	const char	*in, *want;	/* NULL: not a name */
} names[] = {
	{ "alice", "alice" }, { "Alice", "alice" }, { "a.b-c_d+1", "a.b-c_d+1" },
	{ "Bu\314\210cher", "b\303\274cher" }, { "", NULL }, { "-a", NULL },
	{ ".a", NULL }, { "a b", NULL }, { "a@b", NULL }, { "a/b", NULL },
	{ "..", NULL }, { "a\n", NULL }, { "a\"", NULL }, { "\377", NULL },
};

static void
test_names(void)
{
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(names); i++) {
		buf_free(&b);
		rc = userdb_name(span_str(names[i].in), &b);
		CHECK(names[i].want == NULL ? rc == -1 :
		    rc == 0 && span_eqs(span_buf(&b), names[i].want),
		    "name %zu: %s", i, rc == 0 ? buf_cstr(&b) : "refused");
	}
	buf_free(&b);
}

static uint64_t
make(const char *name, const char *address)
{
	struct account	 a = { 0 };

	snprintf(a.name, sizeof(a.name), "%s", name);
	a.partition = userdb_partition(&db, 4);
	if (dbenv_begin(db.env) == -1 || userdb_add(&db, &a) == -1 ||
	    userdb_add_address(&db, a.id, span_str(address)) == -1 ||
	    dbenv_commit(db.env) == -1) {
		dbenv_abort(db.env);
		return (0);
	}
	dbenv_turn_end(db.env);
	return (a.id);
}

static void
test_accounts(void)
{
	struct account	 a;
	uint64_t	 id1, id2, id;

	id1 = make("Alice", "alice@d.example");
	id2 = make("bob", "bob@d.example");
	CHECK(id1 != 0 && id2 > id1, "two accounts");
	CHECK(make("ALICE", "x@d.example") == 0 && errno == EEXIST,
	    "no two of one name");
	CHECK(userdb_address(&db, span_str("x@d.example"), &id) == -1 &&
	    errno == ENOENT, "and nothing is left of it");
	CHECK(make("carol", "bob@d.example") == 0 && errno == EEXIST,
	    "an address is one account's");
	CHECK(userdb_by_name(&db, span_str("carol"), &a) == -1 &&
	    errno == ENOENT, "and nothing is left of that");
	reopen();
	CHECK(userdb_by_name(&db, span_str("aLiCe"), &a) == 0 && a.id == id1 &&
	    strcmp(a.name, "alice") == 0 && a.serial == 1 && a.created > 0 &&
	    a.disabled[0] == '\0', "found again, in any case");
	CHECK(userdb_get(&db, id2, &a) == 0 && a.partition == 1,
	    "the second is in the emptier partition");
	CHECK(db.load[0] == 1 && db.load[1] == 1, "which are counted at start");
	CHECK(userdb_by_name(&db, span_str("a/b"), &a) == -1 &&
	    errno == ENOENT, "what is no name is nobody's");
	CHECK(userdb_next(&db, id1 + 1, &a) == 0 && a.id == id2,
	    "one after the other");
	CHECK(userdb_next(&db, id2 + 1, &a) == -1 && errno == ENOENT,
	    "to the end");
}

static void
test_addresses(void)
{
	struct account	 a;
	struct buf	 b = { 0 };
	uint64_t	 id, other;

	userdb_by_name(&db, span_str("alice"), &a);
	userdb_by_name(&db, span_str("bob"), &a);
	other = a.id;
	userdb_by_name(&db, span_str("alice"), &a);
	CHECK(userdb_add_address(&db, a.id, span_str("@d.example")) == 0 &&
	    userdb_add_address(&db, a.id, span_str("aaa@d.example")) == 0,
	    "more addresses");
	CHECK(userdb_add_address(&db, other, span_str("@d.example")) == -1 &&
	    errno == EEXIST, "which nobody else can have");
	reopen();
	CHECK(userdb_addresses(&db, a.id, 0, &b) == 0 && b.n == 41 &&
	    memcmp(b.p, "alice@d.example\0@d.example\0aaa@d.example\0",
	    b.n) == 0, "listed in their order");
	buf_reset(&b);
	CHECK(userdb_addresses(&db, a.id, 20, &b) == 1 && b.n == 16,
	    "as many as fit");
	buf_reset(&b);
	CHECK(userdb_first_address(&db, a.id, &b) == 0 &&
	    span_eqs(span_buf(&b), "alice@d.example"), "the first");
	CHECK(userdb_del_address(&db, other, span_str("aaa@d.example")) == -1 &&
	    errno == ENOENT, "removed by its owner alone");
	CHECK(userdb_del_address(&db, a.id, span_str("alice@d.example")) == 0 &&
	    userdb_address(&db, span_str("alice@d.example"), &id) == -1,
	    "removed");
	buf_reset(&b);
	CHECK(userdb_first_address(&db, a.id, &b) == 0 &&
	    span_eqs(span_buf(&b), "aaa@d.example"),
	    "then the next is the first, a catch-all is not");
	CHECK(userdb_address(&db, span_str(""), &id) == -1, "no address");
	buf_free(&b);
}

static void
test_secrets(void)
{
	struct scram_secret	 in, out;
	struct account		 a;
	uint8_t			 before[32];

	userdb_by_name(&db, span_str("bob"), &a);
	CHECK(userdb_verifier(&db, a.id, SCRAM_SHA_256, &out) == -1 &&
	    errno == ENOENT, "no password yet");
	CHECK(scram_secret_new(&in, SCRAM_SHA_1, span_str("password"), 4096) ==
	    0 && userdb_set_verifier(&db, a.id, &in) == 0, "one is set");
	memcpy(before, db.secret, sizeof(before));
	reopen();
	CHECK(memcmp(before, db.secret, sizeof(before)) == 0,
	    "the secret of invented salts stays");
	CHECK(userdb_verifier(&db, a.id, SCRAM_SHA_1, &out) == 0 &&
	    scram_verify(&out, span_str("password")) == 1 &&
	    scram_verify(&out, span_str("passwore")) == 0, "it verifies");
	CHECK(userdb_verifier(&db, a.id, SCRAM_SHA_256, &out) == -1,
	    "of that hash alone");
}

static void
test_users_routes(void)
{
	struct account	 a, b;
	struct buf	 r = { 0 };

	userdb_by_name(&db, span_str("alice"), &a);
	userdb_by_name(&db, span_str("bob"), &b);
	CHECK(userdb_set_user(&db, &a, 1001) == 0 &&
	    userdb_set_user(&db, &b, 1001) == -1 && errno == EEXIST,
	    "a local user is one account's");
	CHECK(userdb_set_user(&db, &a, 1) == 0, "root can be one");
	CHECK(userdb_by_user(&db, 1000, &b) == -1 && errno == ENOENT,
	    "the former is forgotten");
	CHECK(userdb_by_user(&db, 0, &b) == 0 && b.id == a.id, "found");
	CHECK(userdb_set_user(&db, &a, 0) == 0 &&
	    userdb_by_user(&db, 0, &b) == -1, "nobody's");
	CHECK(userdb_set_user(&db, &a, 1001) == 0, "again");
	CHECK(userdb_set_routes(&db, a.id, span_str("transport a\n")) == 0 &&
	    userdb_routes(&db, a.id, &r) == 0 &&
	    span_eqs(span_buf(&r), "transport a\n"), "routes");
	buf_free(&r);
}

static void
test_remove(void)
{
	struct scram_secret	 s;
	struct account		 a, b;
	struct buf		 r = { 0 };
	uint64_t		 id, gone = 0;
	uint32_t		 part = 9;

	userdb_by_name(&db, span_str("alice"), &a);
	(void)scram_secret_new(&s, SCRAM_SHA_256, span_str("password"), 4096);
	(void)userdb_set_verifier(&db, a.id, &s);
	CHECK(dbenv_begin(db.env) == 0 && userdb_remove(&db, &a) == 0 &&
	    dbenv_commit(db.env) == 0, "removed");
	reopen();
	CHECK(userdb_by_name(&db, span_str("alice"), &b) == -1 &&
	    userdb_get(&db, a.id, &b) == -1 &&
	    userdb_address(&db, span_str("@d.example"), &id) == -1 &&
	    userdb_address(&db, span_str("aaa@d.example"), &id) == -1 &&
	    userdb_verifier(&db, a.id, SCRAM_SHA_256, &s) == -1 &&
	    userdb_by_user(&db, 1000, &b) == -1 &&
	    userdb_routes(&db, a.id, &r) == 0 && r.n == 0 &&
	    db.load[0] == 0, "with all that was its");
	CHECK(userdb_by_name(&db, span_str("bob"), &b) == 0 &&
	    userdb_address(&db, span_str("bob@d.example"), &id) == 0 &&
	    id == b.id, "and nothing of another");
	CHECK(userdb_gone_next(&db, &gone, &part) == 0 && gone == a.id &&
	    part == 0, "its store is to be told");
	CHECK(userdb_gone_add(&db, a.id, 300) == 0 &&
	    userdb_gone_done(&db, a.id, 0) == 0 &&
	    userdb_gone_has(&db, a.id), "told; another has some of it");
	gone = 0;
	CHECK(userdb_gone_next(&db, &gone, &part) == 0 && gone == a.id &&
	    part == 300, "which is to be told");
	part++;
	CHECK(userdb_gone_next(&db, &gone, &part) == -1 && errno == ENOENT,
	    "once");
	CHECK(userdb_gone_done(&db, a.id, 300) == 0 &&
	    !userdb_gone_has(&db, a.id), "told");
	CHECK(dbenv_put(db.gone, span_of("\0\0\0\0\0\0\0\1", 8),
	    span_of("\0\0\0\0\0\0\0\7", 8)) == 0,
	    "one of the time when the id alone was the key");
	gone = part = 0;
	CHECK(userdb_gone_next(&db, &gone, &part) == 0 && gone == 1 &&
	    part == 7 && userdb_gone_done(&db, 1, 7) == 0 &&
	    !userdb_gone_has(&db, 1), "is found and done");
	CHECK(make("alice", "alice@d.example") > b.id,
	    "another of that name is another");
	buf_free(&r);
}

/* An address that is remembered: every write counts at once. */
static void
test_known(void)
{
	struct span	 who = span_str("known@d.example");
	struct account	 a;
	uint64_t	 id1, id2;
	int		 i;

	for (i = 0; i < 2; i++)
		CHECK(userdb_at(&db, who, &a) == 1, "nobody's");
	id1 = make("first", "known@d.example");
	id2 = make("second", "other@d.example");
	for (i = 0; i < 2; i++)
		CHECK(userdb_at(&db, who, &a) == 0 && a.id == id1 &&
		    strcmp(a.name, "first") == 0, "the first one's");
	CHECK(dbenv_begin(db.env) == 0 &&
	    userdb_del_address(&db, id1, who) == 0 &&
	    userdb_at(&db, who, &a) == 1, "within a command it is gone");
	dbenv_abort(db.env);
	CHECK(userdb_at(&db, who, &a) == 0 && a.id == id1,
	    "which is undone");
	dbenv_turn_end(db.env);
	CHECK(userdb_at(&db, who, &a) == 0 && a.id == id1, "still there");
	CHECK(userdb_del_address(&db, id1, who) == 0 &&
	    userdb_at(&db, who, &a) == 1 &&
	    userdb_add_address(&db, id2, who) == 0 &&
	    userdb_at(&db, who, &a) == 0 && a.id == id2,
	    "another's, within a turn");
	dbenv_turn_end(db.env);
	for (i = 0; i < 2; i++)
		CHECK(userdb_at(&db, who, &a) == 0 && a.id == id2,
		    "and after it");
}

int
main(void)
{
	dbtest_begin();
	reopen();
	test_names();
	test_accounts();
	test_addresses();
	test_secrets();
	test_users_routes();
	test_remove();
	test_known();
	userdb_close(&db);
	return (test_done());
}
