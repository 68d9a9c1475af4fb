/*
 * "authd: auth" without a suite around it: its rules, a database in a
 * directory of its own, links whose other ends the test holds, listening
 * sockets for real connections.
 */
#ifndef RIG_H
#define RIG_H

#include "authd/auth.h"

enum { RIG_SMTP, RIG_SUBMISSION, RIG_IMAP, RIG_IMAP_TLS, RIG_LOCAL,
    RIG_IMAPS, RIG_SUBMISSIONS, RIG_LISTENERS };

extern struct conf	*rig_conf;
extern uint64_t		 rig_later;	/* ms added to the clock */

/* What the fake store and queued got last, and what they answer. */
extern struct msg_session	 rig_session;
extern int			 rig_session_fd;	/* -1: none */
extern unsigned			 rig_nsessions;
extern enum result		 rig_answer;
extern int			 rig_silent;		/* do not answer */
extern struct msg_end_sessions	 rig_end;
extern unsigned			 rig_nends;
extern struct msg_account	 rig_gone;
extern unsigned			 rig_ngone;
extern struct msg_limits	 rig_limits;	/* the first of the last */
extern unsigned			 rig_nlimits, rig_limited, rig_whole;
/* What the fake keys were asked last, and what they answer. */
extern struct msg_key_claim	 rig_claim;
extern unsigned			 rig_nclaims;
extern enum result		 rig_thawed;		/* M_MOVE_OFF's answer */
extern unsigned			 rig_nthaws;
extern enum result		 rig_claimed;

void		 rig_begin(void);
void		 rig_end_all(void);
/* The test's end of a link; the role sees it come up, or be replaced. */
struct peer	*rig_link(enum role, unsigned);
/* End the role's link to it, as when that process ends. */
void		 rig_unlink(enum role, unsigned);
/* Is the role's end of it still there? */
int		 rig_linked(enum role, unsigned);
/* Run the loop until nothing is left to do at once. */
void		 rig_run(void);
/*
 * Ask and wait.  0 and the answer, which borrows until the next call; -1 when
 * the link ended or refused it.
 */
int		 rig_ask(struct peer *, uint32_t type, const struct codec *,
		    const void *, int fd, const struct codec *, void *);
/* A client: connected to a listener, the accepted end in *fd. */
int		 rig_client(int listener, int *fd);
/* Clients come from this IPv4 address of ours from now on. */
void		 rig_from(const char *);
/* The other end of control's link. */
struct peer	*rig_control(void);
/* letterctl: status of the answer, its text and rows in rig_page. */
extern struct msg_ctl_page	 rig_page;
int		 rig_ctl(const char *const *words);	/* verb first; NULL ends */
#define RIG_CTL(...)	rig_ctl((const char *const []){ __VA_ARGS__, NULL })
/* An account with the password "password-NAME". */
void		 rig_account(const char *name, const char *address);

#endif
