#ifndef IMAPCLIENT_INT_H
#define IMAPCLIENT_INT_H

#include "imapclient.h"

#define IMAP_LITERALS	16	/* synchronising ones in a command of ours */
#define IMAP_COMMAND	65536	/* octets of a command but the streamed one */

enum imap_state {
	I_GREETING, I_CAPABILITY, I_STARTTLS, I_TLS, I_AUTH, I_READY,
	I_COMMAND, I_LOGOUT, I_END, I_FAILED
};

struct imapclient {
	struct imapclient_settings	 set;
	enum imap_state			 state;
	int				 tls, preauth, authed;
	int				 login, logout;	/* this command */
	int				 fresh;		/* caps of this stage */
	int				 gaveup;	/* sent "*" */
	int				 secured;	/* just now */
	unsigned			 caps, tag;
	struct buf			 names;		/* of the last CAPABILITY */
	/* what comes */
	struct buf			 line;		/* since the last CRLF */
	size_t				 whole;		/* octets of this response */
	unsigned			 literals;	/* in this response */
	uint64_t			 left;		/* of a literal */
	int				 inside;	/* behind a literal */
	uint64_t			 untagged;
	int				 star;		/* an untagged one runs */
	/* what goes */
	struct buf			 cmd;
	size_t				 stop[IMAP_LITERALS];
	size_t				 nstop, at;	/* next stop, octet */
	int				 building, waiting;
	uint64_t			 size, off;	/* streamed literal */
	int				 streaming;
	int				 held;		/* tagged answer, early */
	ssize_t				(*read)(void *, uint64_t, void *,
					    size_t);
	void				*read_arg;
	enum imapclient_status		 result;
	struct buf			 text, error;
	struct buf			*out;
};

void	 imap_enter(struct imapclient *, enum imap_state);
void	 imap_fail(struct imapclient *, const char *);
/* One line, without CRLF, of the server. */
void	 imap_line(struct imapclient *, struct span);
/* Take octets: whole lines and literals.  0 when more is needed. */
int	 imap_scan(struct imapclient *, struct span *);
/* Show a line to whoever looks. */
void	 imap_trace(struct imapclient *, int sent, struct span);
/* Is it "* WORD", perhaps with more behind? */
int	 imap_is(struct span, const char *word);
/* The command that was built begins. */
void	 imap_start(struct imapclient *);
/* Send as much of the command as may go. */
void	 imap_push(struct imapclient *);

#endif
