/*
 * Words for tests of "authd: auth" at its links: processes that ask it, clients
 * of theirs, exchanges.  The rig below knows the role; this knows SASL.
 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "rig.h"

/* The other ends of the role's links, set by clients_begin(). */
extern struct peer		*front, *smtpd, *queued;
extern struct msg_conn_opened	 opened;	/* what was answered last */
extern struct msg_sasl		 said;

/*
 * The rig, links, two stores; alice, who is al@d.example too, and bob, who has
 * all of e.example; each with the password "password-NAME".
 */
void	 clients_begin(void);
/* Open connection n at a listener; the client's end, or -1: refused. */
int	 open_conn(struct peer *, int listener, uint64_t n);
void	 close_conn(struct peer *, uint64_t n);
/*
 * An exchange: the outcome, and more in said; -1: the link ended.  ours is the
 * end of the session's pair that stays, or NULL.
 */
int	 start(struct peer *, uint64_t conn, const char *mech, struct span initial,
	    int has, int *ours);
int	 step(struct peer *, uint64_t conn, struct span);
int	 abort_sasl(struct peer *, uint64_t conn);
int	 plain(struct peer *, uint64_t conn, const char *user,
	    const char *password);
/* On an IMAP connection of its own; -2: it was refused. */
int	 try_plain(const char *user, const char *password);
/* A whole exchange of the front's; -4: the server's proof was wrong. */
int	 scram(const char *mech, int plus, const struct scram_bindings *,
	    const char *user, const char *password, uint64_t conn);
/* Time passes until nothing is remembered of failures. */
void	 forgive(void);
/* Are these words in what letterctl was answered? */
int	 says(const char *);

#endif
