/*
 * Work in turns: one account's sessions, however many, hold up another's no more
 * than one session would.
 */
#include <stdio.h>
#include <string.h>

#include "imapd/account.h"
#include "imapd/session.h"
#include "imaptest.h"

#define MANY	8
#define TURNS	5

struct doing {
	struct work	 work;		/* first */
	char		 name;
	int		 left;
};

static struct doing	 doing[MANY + 3];
static char		 done[MANY * TURNS + 3 * TURNS + 1];

static int
run(struct work *w)
{
	struct doing	*d = (struct doing *)(void *)w;
	size_t		 n = strlen(done);

	done[n] = d->name;
	done[n + 1] = '\0';
	return (--d->left > 0);
}

static void
begin(struct doing *d, char name, struct share *share)
{
	memset(d, 0, sizeof(*d));
	d->work.run = run;
	d->work.share = share;
	d->name = name;
	d->left = TURNS;
	store_work(&t_store, &d->work);
}

/* MANY of a share, one of another, two of the store's own. */
static void
test_order(void)
{
	struct share	 many, one;
	int		 i;

	TAILQ_INIT(&many.works);
	TAILQ_INIT(&one.works);
	done[0] = '\0';
	for (i = 0; i < MANY; i++)
		begin(&doing[i], (char)('0' + i), &many);
	begin(&doing[MANY], 'a', &one);
	begin(&doing[MANY + 1], 'x', NULL);
	begin(&doing[MANY + 2], 'y', NULL);
	t_settle();
	CHECK(strcmp(done, "0ax1ay2ax3ay4ax5y6x7y0x1y"
	    "234567" "01234567" "01234567" "01234567") == 0, "%s", done);
}

/* What is taken out leaves no turn behind. */
static void
test_out(void)
{
	struct share	 many, one;

	TAILQ_INIT(&many.works);
	TAILQ_INIT(&one.works);
	done[0] = '\0';
	begin(&doing[0], '0', &many);
	begin(&doing[1], '1', &many);
	begin(&doing[2], 'a', &one);
	store_unwork(&t_store, &doing[2].work);
	store_unwork(&t_store, &doing[0].work);
	store_unwork(&t_store, &doing[0].work);
	store_work(&t_store, &doing[0].work);
	store_work(&t_store, &doing[1].work);
	t_settle();
	CHECK(strcmp(done, "1010101010") == 0, "%s", done);
	CHECK(TAILQ_EMPTY(&many.works) && TAILQ_EMPTY(&one.works) &&
	    TAILQ_EMPTY(&t_store.shares), "nothing is left");
}

/* Sessions of one account share, those of two do not. */
static void
test_sessions(void)
{
	struct session	*s;
	unsigned	 n = 0;

	t_login(1, 1);
	t_login(2, 1);
	t_login(3, 2);
	t_settle();
	TAILQ_FOREACH(s, &t_store.sessions, entry) {
		CHECK(s->work.share == &s->account->share, "its account's");
		n += (s->account->id == 1);
	}
	CHECK(n == 2, "two of one account");
}

int
main(void)
{
	t_open(NULL);
	test_order();
	test_out();
	test_sessions();
	t_close();
	t_remove();
	return (t_done());
}
