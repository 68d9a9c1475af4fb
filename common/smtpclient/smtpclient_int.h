/* Inside the SMTP client; see smtpclient.h. */
#ifndef SMTPCLIENT_INT_H
#define SMTPCLIENT_INT_H

#include "smtpclient.h"
#include "smtpreply.h"

#define SIZE_ENHANCED	12
#define SASL_LINE	16384	/* octets of a 334 line, RFC 4954 section 4 */

enum state {
	S_GREETING, S_EHLO, S_HELO, S_STARTTLS, S_TLS, S_AUTH, S_CANCEL,
	S_SASL, S_READY, S_SCAN, S_RSET, S_ENVELOPE, S_BODY, S_FINAL, S_CHUNKS,
	S_QUIT, S_END, S_FAILED, S_COUNT
};

/* What of the envelope comes next. */
enum phase { P_MAIL, P_RCPT, P_DATA, P_OVER };

/* Of a recipient, in smtpclient_rcpt.progress. */
enum progress {
	R_NEW,			/* not tried */
	R_NOW,			/* in this transaction, no reply yet */
	R_TAKEN,		/* accepted in this transaction */
	R_OVER			/* has its result */
};

/* Facts about the content, of scan.c. */
struct scan {
	uint64_t	 off;
	size_t		 line;		/* octets of the line so far */
	int		 cr;
	int		 in_body;	/* the header is over */
	int		 header8;	/* octets over 127 in the header */
	int		 any8;		/* anywhere */
	int		 binary;	/* NUL, bare CR or LF, long lines */
};

struct smtpclient {
	struct smtpclient_settings	 set;
	char				*hostname;
	enum state			 state;
	struct smtpreply		 reply;
	struct buf			*out;	/* the step's, or queued */
	struct buf			 queued;	/* said between steps */
	unsigned			 ext;
	uint64_t			 size_max;
	unsigned			 rcpt_max, mail_max; /* LIMITS */
	struct buf			 mechs;		/* of AUTH */
	struct buf			 challenge;
	enum smtpclient_sasl_event	 sasl_event;	/* asked last */
	int				 tls, authed;
	unsigned			 mails;		/* transactions begun */
	enum smtpclient_failure		 failure;
	struct smtpclient_result	 error;

	/* the message under way */
	struct smtpclient_message	*msg;
	struct scan			 scan;
	int				 use_utf8, use_8bit, use_bdat;
	enum phase			 sending, awaited;
	size_t				 send_at, reply_at;	/* recipients */
	unsigned			 open;		/* replies to come */
	unsigned			 taken;		/* recipients */
	int				 mail_ok, need_rset, discard, answered;
	uint64_t			 off;
	struct smtpclient_dots		 dots;
};

/* smtpclient.c */
void	 smtpclient_enter(struct smtpclient *, enum state);
/* A line to the server; secret: only its first word is traced. */
void	 smtpclient_line(struct smtpclient *, size_t start, int secret);
void	 smtpclient_fail(struct smtpclient *, enum smtpclient_failure,
	    const char *enhanced, const char *text);
/* The same, because of the reply at hand. */
void	 smtpclient_fail_reply(struct smtpclient *, enum smtpclient_failure);
void	 smtpclient_result_set(struct smtpclient_result *,
	    enum smtpclient_outcome, unsigned code, const char *enhanced,
	    const char *text);
void	 smtpclient_result_reply(struct smtpclient_result *,
	    const struct smtpreply *);
/* All recipients without a result get a copy of this one. */
void	 smtpclient_result_all(struct smtpclient *,
	    const struct smtpclient_result *);

/* session.c: replies before the first message, AUTH */
void	 session_greeting(struct smtpclient *);
void	 session_ehlo(struct smtpclient *);
void	 session_helo(struct smtpclient *);
void	 session_starttls(struct smtpclient *);
void	 session_auth(struct smtpclient *);
void	 session_cancel(struct smtpclient *);
void	 session_hello(struct smtpclient *);
void	 session_extension(void *, unsigned, struct span);

/* mail.c: a message */
void	 mail_begin(struct smtpclient *);
void	 mail_rset(struct smtpclient *);
void	 mail_envelope(struct smtpclient *);
void	 mail_body_reply(struct smtpclient *);
void	 mail_final(struct smtpclient *);
void	 mail_chunk(struct smtpclient *);
void	 mail_send_scan(struct smtpclient *);
void	 mail_send_envelope(struct smtpclient *);
void	 mail_send_body(struct smtpclient *);
void	 mail_send_chunks(struct smtpclient *);

/* scan.c */
void	 scan_octets(struct scan *, struct span);
/* Has it octets that no command line may carry? */
int	 scan_address(struct span);
int	 scan_ascii(struct span);
/* xtext, RFC 3461 section 4, of at most so many octets. */
int	 scan_xtext(struct span, size_t max, int utf8);

#endif
