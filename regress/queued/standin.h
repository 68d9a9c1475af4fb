/*
 * The queue in one process with stand-ins for all that it is linked with: auth,
 * two stores, an smtpd, the parent and its workers, in one event loop.
 *
 * auth knows alice (1, partition 0), bob (2, partition 1), outbox (3, partition
 * 0) at letterlock.test.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <event2/event.h>

#include "queued/queued.h"
#include "test.h"

struct got {				/* a delivery at a store or a worker */
	struct got	*next;
	int		 relay;
	unsigned	 inst;		/* of the store */
	char		 transport[64];
	uint8_t		 id[16];
	uint64_t	 account;
	char		 from[256], to[1024], dest[256];	/* to: with spaces */
	size_t		 nto;
	uint8_t		 requiretls;
	struct buf	 body;
};

struct standin {
	struct event_base *base;
	struct conf	*conf;
	struct peer	*here[ROLE_COUNT][8];	/* queued's ends */
	struct peer	*there[ROLE_COUNT][8];	/* the others' */
	char		 dir[64];
	struct got	*got;			/* newest first */
	unsigned	 ngot;
	void		(*told)(const struct got *);	/* of each, or NULL */
	/* what they answer */
	uint8_t		 store, relay;		/* enum result */
	const char	*store_enhanced;
	int		 store_waits;		/* until si_stored() */
	struct peer	*store_peer;
	uint32_t	 store_asked;		/* that one's id, or 0 */
	uint32_t	 relay_code;
	const char	*relay_text;
	const char	*relay_enhanced;
	int		 relay_dsn;
	int		 relay_dies;		/* so many times */
	int		 relay_silent;
	int		 relay_waits;		/* until si_relayed() */
	struct { uint32_t request; uint64_t id; uint32_t rcpt; } asked[1024];
	unsigned	 nasked;		/* of one recipient each */
	const char	*relay_down;		/* a worker that does not start */
	const char	*routes;		/* alice's */
	uint8_t		 sts;			/* enum sts_status */
	const char	*sts_id, *sts_text;
	unsigned	 sts_asked;
	char		 sts_domain[64], sts_known[64];	/* of the last one */
	unsigned	 settled;
	/* what smtpd got */
	struct { uint8_t id[16]; int wfd, rfd; } slots[64];
	unsigned	 nslots;
	struct msg_stored stored;
	char		 text[256], enhanced[16];
	int		 answered;
	uint64_t	 hold;			/* of the next MAIL */
	const char	*future;
	int		 requiretls;
	struct peer	*session;		/* smtpd's end */
	int		 fd;			/* of M_SUB_DATA */
	uint8_t		 slot[16];
	/* control */
	char		 rows[65536];		/* a line each */
	unsigned	 nrows;
};
extern struct standin	 si;

void	 si_open(void);			/* a fresh directory, and up */
void	 si_open_only(void);		/* without a loop and links: */
void	 si_base(void);			/* these, then si_up() */
void	 si_up(void);
void	 si_close(void);
void	 si_connect(enum role, unsigned inst, const char *name);
void	 si_disconnect(enum role, unsigned inst);
/* Run the loop until the condition holds, at most so many seconds. */
#define UNTIL(cond, s)	do {						\
	uint64_t end_ = proc_now_ms() + (uint64_t)((s) * 1000);		\
	while (!(cond) && proc_now_ms() < end_)				\
		si_turn();						\
} while (0)
void	 si_turn(void);
size_t	 si_count(struct dbenv_db *);	/* records */
/* smtpd: write and commit; the answer is in si.stored, si.text. */
void	 si_commit(const char *from, const char *const *to, const char *body);
/* A session of an account; requests wait for their answer. */
void	 si_session(uint64_t account, const char *name);
int	 si_mail(const char *from);	/* result codes: 250, 550 ... */
int	 si_rcpt(const char *to, uint32_t notify);
int	 si_data(const char *body);	/* DATA and COMMIT */
void	 si_data_only(const char *body);	/* DATA; the slot is si.slot */
const struct got	*si_got_to(const char *to);	/* the last, or NULL */
void	 si_forget(void);		/* what was got */
void	 si_stored(uint8_t result);	/* what waits is answered */
void	 si_relayed(void);		/* all that wait, as delivered */
/* letterctl: words with spaces between; all pages.  0, or 1: an error. */
int	 si_ctl(const char *verb, const char *args);

#endif
