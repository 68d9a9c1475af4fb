/*
 * letterctl's requests to auth, between auth_ctl.c (plumbing, listings) and
 * auth_ctl_account.c and auth_ctl_key.c (changes).
 */
#ifndef AUTH_CTL_H
#define AUTH_CTL_H

#include "authd/auth.h"
#include "authd/auth_tlskey.h"
#include "page.h"

#define CTL_MAX		256	/* requests under way */
#define CTL_FILTERS	"--"	/* pairs "--name value" of its own */
#define CTL_LOGINS_USAGE	"[ACCOUNT|-] [--failed yes|no] "	\
    "[--result RESULT] [--address ADDRESS] [--remote ADDRESS] "	\
    "[--protocol NAME] [--mechanism NAME] [--days N]"

struct ctl;

struct ctl_verb {
	const char	*name;
	size_t		 min, max;	/* arguments, without flags */
	const char	*usage;
	void		(*run)(struct ctl *);
	const char	*flag;		/* "--name", CTL_FILTERS, or NULL: it
					 * has none */
};

/* A request, until it is answered. */
struct ctl {
	LIST_ENTRY(ctl)		 entry;
	struct peer		*peer;		/* NULL: it went away */
	uint32_t		 id;
	struct buf		 octets;	/* of the request */
	struct msg_ctl		 m;		/* decoded from them */
	struct span		 args[16];	/* without flags */
	size_t			 nargs;
	struct span		 flag;		/* its value; empty: not given */
	/* a password being derived */
	struct dbenv_job	 job;
	struct buf		 password;
	struct scram_secret	 secrets[SCRAM_HASHES];
	struct sasl_cram_secret	 cram;
	uint32_t		 iterations;
	int			 derived;
	void			(*then)(struct ctl *);
	/* a change being flushed */
	struct dbenv_wait	 wait;
	struct buf		 text;		/* to say then */
	void			(*after)(struct ctl *);
	struct account		 account;
	uint8_t			 key[TLSKEY_ID];
	/* a check of pages */
	struct dbenv_verify	 verify;
	struct buf		 bad;
	struct page		 page;
	struct buf		 cursor;	/* not empty: more to come */
};

/* Each of these is the single answer; q is gone afterwards. */
void	 ctl_error(struct ctl *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
void	 ctl_done(struct ctl *);
/* The account of that name into q->account; -1: the error was answered. */
int	 ctl_account(struct ctl *, struct span name);
/*
 * The command that was begun is complete: commit, wait for the disk, call
 * after (may be NULL), then answer q->text.  rc -1: undo it and answer why.
 */
void	 ctl_commit(struct ctl *, int rc, void (*after)(struct ctl *));

/* auth_ctl_logins.c */
void	 ctl_logins(struct ctl *);

/* auth_limits.c */
void	 ctl_quota(struct ctl *);

/* auth_ctl_account.c */
extern const struct ctl_verb	 ctl_changes[];
extern const size_t		 ctl_nchanges;
/* Room for more, and a command in the database; -1: the error was answered. */
int	 ctl_room(struct ctl *);
int	 ctl_begin(struct ctl *);

/* auth_move.c */
void	 ctl_account_move(struct ctl *);
void	 ctl_account_moves(struct ctl *);

/* auth_ctl_key.c */
extern const struct ctl_verb	 ctl_keys[];
extern const size_t		 ctl_nkeys;
/*
 * A key of q->account that logs in with an address which leads to the account
 * for the whole domain or the address c, or to another account if that were c's:
 * -1, and it was answered.
 */
int	 ctl_key_uses(struct ctl *, const struct canon *c, int adding);

/* auth_secret.c */
extern const struct ctl_verb	 ctl_secrets[];
extern const size_t		 ctl_nsecrets;

#endif
