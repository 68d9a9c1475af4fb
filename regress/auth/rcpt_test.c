/*
 * "authd: auth": whose an address is, and what routes an account has.
 */
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "test.h"

static void
test_rcpt(void)
{
	static const struct {
		const char	*address, *account, *canonical;
		int		 result, local;
	} v[] = {
		{ "alice@d.example", "alice", "alice@d.example", RESULT_OK, 1 },
		{ "ALICE+x@D.EXAMPLE", "alice", "alice@d.example", RESULT_OK,
		  1 },
		{ "al@d.example", "alice", "al@d.example", RESULT_OK, 1 },
		{ "nobody@d.example", "", "nobody@d.example", RESULT_NO, 1 },
		{ "nobody@x.example", "", "nobody@x.example", RESULT_NO, 0 },
		{ "any@e.example", "bob", "any@e.example", RESULT_OK, 1 },
		{ "postmaster@d.example", "alice", "postmaster@d.example",
		  RESULT_OK, 1 },
		{ "POSTMASTER", "alice", "postmaster", RESULT_OK, 1 },
		{ "postmaster@mail.d.example", "alice",
		  "postmaster@mail.d.example", RESULT_OK, 1 },
		{ "root@mail.d.example", "", "root@mail.d.example", RESULT_NO,
		  0 },
		{ "postmaster@x.example", "", "postmaster@x.example",
		  RESULT_NO, 0 },
		{ "\"alice\"@d.example", "alice", "alice@d.example", RESULT_OK,
		  1 },
		{ "junk", "", "", RESULT_NO, 0 },
	};
	struct msg_may_use	 u = { 0 };
	struct msg_result	 r;
	struct msg_text		 t;
	struct msg_rcpt		 a;
	struct msg_number	 n;
	uint64_t		 alice;
	size_t			 i;
	int			 rc;

	free(rig_conf->postmaster);
	rig_conf->postmaster = strdup("al@d.example");
	for (i = 0; i < nitems(v); i++) {
		t.text = span_str(v[i].address);
		memset(&a, 0, sizeof(a));
		rc = rig_ask(smtpd, M_RCPT, &c_text, &t, -1, &c_rcpt, &a);
		CHECK(rc == 0 && a.result == v[i].result &&
		    a.local == v[i].local && span_eqs(a.name, v[i].account) &&
		    span_eqs(a.address, v[i].canonical),
		    "recipient %s: %u %.*s", v[i].address, a.result,
		    (int)a.address.n, (const char *)a.address.p);
	}
	free(rig_conf->postmaster);
	rig_conf->postmaster = strdup("");
	t.text = span_str("postmaster@d.example");
	CHECK(rig_ask(smtpd, M_RCPT, &c_text, &t, -1, &c_rcpt, &a) == 0 &&
	    a.result == RESULT_OK && span_eqs(a.name, "alice"),
	    "postmaster is the oldest account where nobody is named");
	t.text = span_str("alice");
	CHECK(rig_ask(queued, M_ACCOUNT_NAMED, &c_text, &t, -1, &c_rcpt,
	    &a) == 0 && a.result == RESULT_OK &&
	    span_eqs(a.address, "alice@d.example"), "an account by name");
	alice = a.account;
	t.text = span_str("nobody");
	CHECK(rig_ask(queued, M_ACCOUNT_NAMED, &c_text, &t, -1, &c_rcpt,
	    &a) == 0 && a.result == RESULT_NO, "one that is not there");

	u.account = alice;
	u.address = span_str("AL+tag@d.example");
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_OK, "an address of one's own");
	u.address = span_str("bob@d.example");
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_NO && r.code == 550, "another's");
	u.address = span_str("alice@x.example");
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_NO, "a foreign one");
	u.address = span_str("");
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_OK, "none: may the account send at all?");
	u.account = 9999;
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_NO && r.code == 550,
	    "not one that is gone");

	CHECK(RIG_CTL("account route add", "alice",
	    "route to d.example transport default") == 0 &&
	    RIG_CTL("account route add", "alice", "transport default") == 0, "routes of an account");
	n.number = alice;
	CHECK(rig_ask(queued, M_ACCOUNT_ROUTES, &c_number, &n, -1, &c_text,
	    &t) == 0 && span_eqs(t.text, "route to d.example transport "
	    "default\ntransport default\n"), "as they were written");
	CHECK(RIG_CTL("account route add", "alice", "transport nowhere") == 1 && RIG_CTL("account route add", "alice", "to") == 1, "routes that cannot be");
	CHECK(RIG_CTL("account route remove", "alice", "1") == 0 &&
	    RIG_CTL("account route remove", "alice", "2") == 1,
	    "one is removed");
	CHECK(RIG_CTL("account route list", "alice") == 0 &&
	    rig_page.rows.n == 1, "one is left");
}

int
main(void)
{
	clients_begin();
	test_rcpt();
	rig_end_all();
	return (test_done());
}
