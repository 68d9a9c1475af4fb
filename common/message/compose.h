/*
 * Writing messages: header fields, texts, delivery status notifications.
 * Output has CRLF line ends only, whatever goes in: no value can begin a line
 * of its own.  All append to a buf and return as buf_add().
 */
#ifndef COMPOSE_H
#define COMPOSE_H

#include "buf.h"

/* "Name: value", unstructured UTF-8: encoded and folded. */
int	 compose_field(struct buf *, const char *name, struct span utf8);
/*
 * "Name: value", structured, as it is: folded at spaces; controls and line
 * ends become spaces.
 */
int	 compose_raw(struct buf *, const char *name, struct span value);
/* "Name: value" with a mailbox, address_write(). */
int	 compose_mailbox(struct buf *, const char *name, struct span display,
	    struct span local, struct span host);
/* "Date: ..." of seconds since 1970 in a zone, minutes east. */
int	 compose_date(struct buf *, int64_t time, int zone);

/*
 * The header fields Content-Type (text/plain) and Content-Transfer-Encoding,
 * the empty line, and the text: 7bit where ASCII with lines of up to 78 octets
 * will do, else quoted-printable.  Line ends of any kind become CRLF; the last
 * line gets one.
 */
int	 compose_text(struct buf *, struct span utf8);
/* Line ends of any kind to CRLF; NUL and other bare CR go. */
int	 compose_lines(struct buf *, struct span);

/*
 * Delivery status notifications, RFC 3461 section 6, RFC 3462, RFC 3464; for
 * internationalized ones RFC 6533.  dsn_begin() writes all up to the original
 * message (or its header); the caller appends that, from its file if it is
 * large, then dsn_end().  Values come from other systems and are cut to
 * DSN_VALUE octets on one line.
 */
#define DSN_VALUE	1000	/* octets of a value; a diagnostic's too */

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED,
    DSN_EXPANDED };

struct dsn_recipient {
	const char	*original_type;	/* "rfc822", "utf-8"; NULL: not known */
	const char	*original;	/* ORCPT without its type, decoded */
	const char	*final;		/* address */
	enum dsn_action	 action;
	const char	*status;	/* "5.1.1" */
	const char	*remote_mta;	/* host name, or NULL */
	const char	*diagnostic;	/* "550 5.1.1 ...", or NULL */
	const char	*diagnostic_type; /* NULL: "smtp" */
	int64_t		 last_attempt;	/* 0: none */
	int64_t		 retry_until;	/* 0: not */
};

enum dsn_original { DSN_NONE, DSN_HEADER, DSN_MESSAGE };

struct dsn {
	const char		*hostname;	/* of the Reporting-MTA */
	const char		*from_name;	/* display name, or NULL */
	const char		*from_local, *from_host;
	const char		*to_local, *to_host;
	const char		*subject;	/* UTF-8 */
	const char		*text;		/* UTF-8, for people */
	const char		*envid;		/* decoded, or NULL */
	const char		*future;	/* of RFC 4865: "for;60"; or NULL */
	const char		*message_id;	/* "<...>" of this one */
	const char		*references;	/* "<...>" of the original, or
						 * NULL */
	int64_t			 date;
	int			 zone;
	int64_t			 arrival;	/* of the original; 0: no */
	const struct dsn_recipient *recipients;
	size_t			 nrecipients;
	enum dsn_original	 original;
	int			 eightbit;	/* the original has such */
	int			 utf8;		/* RFC 6533: UTF-8 addresses */
	uint8_t			 random[16];	/* for the boundary */
};
int	 dsn_begin(struct buf *, const struct dsn *);
/* The original did (did not) end with CRLF. */
int	 dsn_end(struct buf *, const struct dsn *, int crlf);
const char *dsn_action_name(enum dsn_action);

#endif
