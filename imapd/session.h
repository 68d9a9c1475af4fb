/*
 * An IMAP session after login.  One command runs at a time, to its end: a
 * session whose command waits reads no further one.  What a command says goes
 * into out and leaves when the group it depends on is flushed; then come the
 * news of the mailbox, then the tagged answer.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdint.h>

#include "imapd/account.h"
#include "imapd/parse/cursor.h"
#include "imapd/parse/lex.h"
#include "imapd/store.h"
#include "imapd/view.h"
#include "msg.h"

struct io;
struct session;
struct command;
struct append;
struct notify;

/* States, as bits for the table of commands. */
#define ST_AUTH		0x01u		/* logged in, no mailbox */
#define ST_SELECTED	0x02u
#define ST_BOTH		(ST_AUTH | ST_SELECTED)

enum step {
	STEP_DONE,		/* session_reply() was called */
	STEP_AGAIN,		/* more to do: step is called in a later slice */
	STEP_FLUSH,		/* the same, after the flush, the news told */
	STEP_WAIT		/* session_wake() will be called */
};

enum phase {
	PHASE_READ,		/* reads a command */
	PHASE_STEP,		/* step goes on */
	PHASE_FLUSH,		/* waits for the flush, then the answer */
	PHASE_PAUSE,		/* waits for the flush, then step again */
	PHASE_IDLE,		/* RFC 2177: until DONE */
	PHASE_PUSH,		/* waits for the flush, then what NOTIFY asked
				 * for leaves */
	PHASE_OVER		/* BYE was sent */
};

/* RFC 5161 and what else a client switched on. */
#define ENABLED_CONDSTORE	0x01u
#define ENABLED_UTF8		0x02u	/* in names and quoted strings */
#define ENABLED_QRESYNC		0x04u	/* and CONDSTORE */
#define ENABLED_UIDONLY		0x08u	/* RFC 9586 */
#define ENABLED_REV2		0x10u	/* RFC 9051; and UTF8 */
#define ENABLED_ACCEPT		0x20u	/* UTF8=ACCEPT; and UTF8 */

/* What holds for who came in by a listener. */
struct session_limits {
	uint64_t	 message;	/* octets of one */
	uint64_t	 off;		/* capabilities that it lacks, imapcap.h */
	uint32_t	 messages;	/* in one command, limited.h; 0: any */
	uint32_t	 saves;		/* in COPY and APPEND alone */
};

struct session {
	struct work		 work;		/* first */
	struct store		*store;
	struct io		*io;
	struct account		*account;
	struct account		*guest;		/* of the selected mailbox,
						 * when it is another's */
	struct account		*looked[2];	/* others that the command at
						 * work has looked up */
	uint64_t		 id;
	uint64_t		 since, last_in, last_out;	/* store_now() */
	uint64_t		 progress;	/* when it last read something */
	size_t			 unread;	/* output queued at the last tick */
	char			*address, *mech, *remote;
	uint8_t			 *key;		/* of a client certificate */
	size_t			 keylen;
	uint64_t		 serial;
	struct session_limits	 limits;
	uint8_t			 tls, admin;
	uint8_t			 phase;
	uint8_t			 resume;	/* the phase after a push */
	uint8_t			 state;		/* ST_AUTH or ST_SELECTED */
	uint8_t			 enabled;
	uint8_t			 bad;		/* BAD answers in a row */
	uint8_t			 ended;		/* the client sends no more */
	uint8_t			 over;		/* end after this answer */
	uint8_t			 broken;	/* a literal cannot go on: end now */
	uint8_t			 literal;	/* in the middle of a FETCH answer */
	uint8_t			 half;		/* of one, or a line, was sent */
	uint8_t			 unselect;	/* SELECT was undone */
	uint8_t			 pushed;	/* flags, since the last answer */
	uint8_t			 paused;	/* its socket is not read */
	uint8_t			 compress;	/* 1: behind this answer, 2: is on */
	struct buf		 pending;	/* read past the login command */
	struct lex		 lex;
	struct seen		 seen;		/* when selected */
	size_t			 keywords;	/* how many it was told of */
	uint64_t		 untold;	/* the first mod-sequence of flags
						 * that it was not told; or 0 */
	struct seqset		 saved;		/* UIDs: "$", RFC 5182 */

	/* the command at work */
	const struct command	*command;
	int			 uid;		/* it began with UID */
	int			 numbers;	/* but has such of messages */
	struct span		 tag;		/* in lex */
	struct buf		 scratch;	/* of its cursor */
	struct buf		 out;		/* untagged, not sent yet */
	struct buf		 reply;		/* after the tag */
	uint64_t		 hold;		/* group to wait for */
	uint64_t		 late;		/* likewise, to be committed */
	uint64_t		 wrote;		/* group that it wrote in last,
						 * without waiting for it */
	struct dbenv_wait	 wait;
	int			 waiting;
	enum step		(*step)(struct session *);
	void			*data;		/* the command's own */
	void			(*data_free)(void *);
	struct append		*append;	/* messages on their way in */
	struct notify		*notify;	/* after NOTIFY */

	TAILQ_ENTRY(session)	 entry;
};

#define CF_NOEXPUNGE	0x01u	/* RFC 3501 section 7.4.1 */
#define CF_UID		0x02u	/* also as UID command */
#define CF_UIDONLY	0x04u	/* as UID command alone */
#define CF_LONG		0x08u	/* says nothing for long, RFC 9585 */
#define CF_NUMBERLESS	0x10u	/* no numbers of messages without UID either */
#define CF_SELECTS	0x40u	/* leaves nothing selected when it fails */
#define CF_REV1		0x20u	/* RFC 9051 took it out */

struct command {
	const char	*name;
	unsigned	 when;
	unsigned	 flags;
	enum step	(*run)(struct session *, struct cursor *);
};

/*
 * Begin one: takes fd over, answers the login.  part has the account's
 * partition.  0, or -1 with errno (fd is closed).
 */
int		 session_new(struct store *, struct part *,
		    const struct msg_session *, const struct session_limits *,
		    int fd);
/* Say BYE and end. */
void		 session_bye(struct session *, const char *text);
/* End at once. */
void		 session_free(struct session *);
/* A group of its partition was undone. */
void			 session_undone(struct session *, uint64_t seq,
			    int error);
/* Run it in one of the next slices. */
void		 session_wake(struct session *);
/* Once every few seconds: IDLE, autologout, who does not read. */
void		 session_tick(struct session *);

/* For commands. */
struct buf	*session_out(struct session *);
/* The answer depends on this group. */
void		 session_hold(struct session *, uint64_t seq);
/* The same, for what it shows of a mailbox that the session may not have open:
 * all changes but late ones are flushed, and those committed. */
void		 session_hold_mailbox(struct session *, const struct mailbox *);
enum step	 session_reply(struct session *, const char *);
enum step	 session_replyf(struct session *, const char *, ...)
		    __attribute__((__format__(printf, 2, 3)));
/* BAD, with what the cursor expected. */
enum step	 session_syntax(struct session *, const struct cursor *);
/* NO, for an errno of the database or of an account function. */
enum step	 session_no(struct session *, int error);
/* The command goes on in slices.  data is freed at its end by data_free. */
enum step	 session_begin(struct session *, enum step (*)(struct session *),
		    void *data, void (*data_free)(void *));
/* Is there room for more output? */
int		 session_room(struct session *);
/* Lists of rights have changed: who may not read what it has open ends. */
void		 session_rights(struct store *);
/* Does it use an account that is not its own? */
int		 session_visits(const struct session *, uint64_t account);
/* Leave the mailbox. */
void		 session_unselect(struct session *);
/* Take octets for a command or a message: see session_in.c. */
int		 session_input(struct session *);
/* One message's answer to a flag change. */
void		 session_write_flags(struct session *, struct buf *,
		    const struct msgrec *, int recent);
/* How what is told of a message begins, up to the parenthesis. */
void		 session_write_fetch(const struct session *, struct buf *,
		    uint32_t seq, uint32_t uid);
/* A message's flags, as a change of them is told. */
void		 session_write_changed(struct session *, const struct msgrec *);
void		 session_tell(struct session *, int expunges);
/* Something is not told now, but mod-sequences are, or were; withheld: removals as
 * well. */
void		 session_tell_below(struct session *, int withheld);
/* As seen.news: it is told in one of the next slices. */
void		 session_news(struct seen *);
/* The flags that a message here may have, RFC 3501 section 7.2.6, and those that
 * the session may change with these rights, without the parenthesis at the end;
 * and an untagged FLAGS when there are new ones. */
void		 session_write_keywords(struct session *, struct buf *);
void		 session_write_permanent(struct session *, struct buf *,
		    uint32_t rights);
void		 session_tell_keywords(struct session *);
void		 session_capability(const struct session *, struct buf *);

/* cmd.c: find and begin what stands in the lexer. */
enum step	 command_run(struct session *);

#endif
