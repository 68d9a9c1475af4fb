/*
 * sendmail(8): a message of a local program is handed to a submission server.
 * Arguments, configuration, message, and the session with the server, in this
 * order; each part says what is wrong in a buf and returns a status of
 * sysexits.h, 0 when all is well.
 */
#ifndef SENDMAIL_H
#define SENDMAIL_H

#include <sys/types.h>
#include <stdio.h>

#include "address.h"
#include "buf.h"
#include "sasl.h"
#include "smtpclient.h"

#define SENDMAIL_MESSAGE	(256u << 20)	/* octets of a message */
#define SENDMAIL_HEADER		(1u << 20)	/* octets of its header */
#define SENDMAIL_RECIPIENTS	10000
#define SENDMAIL_CONF		65536		/* octets of a configuration */

/* Addresses, each as "local@host" or "local", quoted where it must be. */
struct sendmail_list {
	char	**v;
	size_t	  n;
};
void	 sendmail_list_free(struct sendmail_list *);

/* ---- sendmail_args.c ----------------------------------------------------- */
struct sendmail_args {
	int		 from_header;	/* -t */
	int		 dots;		/* -i: a lone dot is text */
	int		 verbose;	/* -v */
	int		 null_sender;	/* -f "" or "<>" */
	char		*sender;	/* -f, -r; an address, or NULL */
	const char	*name;		/* -F, or NULL */
	const char	*conf;		/* -C, or NULL */
	unsigned	 notify;	/* -N */
	unsigned	 ret;		/* -R: 0, 1 full, 2 hdrs */
	struct buf	 envid;		/* -V, as xtext */
	struct sendmail_list	 rcpts;
};
int	 sendmail_args(struct sendmail_args *, int argc, char **argv,
	    struct buf *why);
void	 sendmail_args_free(struct sendmail_args *);
/*
 * Add the addresses of a list such as a header field has.  -1 with the reason
 * in why: one that is none, or too many.
 */
int	 sendmail_addresses(struct sendmail_list *, struct span,
	    struct buf *why);

/* ---- sendmail_conf.c ----------------------------------------------------- */
enum sendmail_secret { SECRET_NONE, SECRET_PASSWORD, SECRET_CERTIFICATE,
    SECRET_KEY };

struct sendmail_conf {
	char		*server;	/* NULL: the local socket */
	char		*socket;
	uint16_t	 port;
	enum smtpclient_tls	 tls;
	int		 verify;
	char		*ca;		/* file of authorities, or NULL */
	char		*user;
	enum sendmail_secret	 secret;
	char		*secret_file;
	enum sasl_mech	 mechs[SASL_MECHS];
	size_t		 nmechs;	/* 0: the strongest */
	char		*from;		/* address, or NULL */
	char		*domain;
	char		*hostname;
	char		*failures;
	int		 requiretls;	/* 1 yes, 0 not said, -1 no */
	/* what secret_file held; wiped by sendmail_conf_free() */
	struct buf	 password, cert, key;
};
void	 sendmail_conf_init(struct sendmail_conf *);
void	 sendmail_conf_free(struct sendmail_conf *);
/* Its text; name is for messages. */
int	 sendmail_conf_parse(struct sendmail_conf *, struct span,
	    const char *name, struct buf *why);
/*
 * A file, and the secret that it names.  EX_NOINPUT without a word in why when
 * there is no such file.
 */
int	 sendmail_conf_load(struct sendmail_conf *, const char *path,
	    struct buf *why);

/* ---- sendmail_message.c -------------------------------------------------- */
struct sendmail_message {
	struct buf	 text;		/* as it goes out, lines end in CRLF */
	struct sendmail_list	 rcpts;	/* of its header */
	int		 header8;	/* octets over 127 in the header */
	int		 eightbit;	/* anywhere */
};
/*
 * Raw input: up to its end, or to a line of one dot.  0, EX_DATAERR when it is
 * too long, EX_IOERR.
 */
int	 sendmail_read(struct buf *, FILE *, int dots, struct buf *why);
struct sendmail_facts {
	struct span	 from;		/* "Name <address>" for a missing From */
	const char	*host;		/* right side of a Message-ID */
	int64_t		 now;
	int		 zone;
	uint8_t		 random[16];
	int		 tls_optional;	/* "TLS-Required: No" */
	int		 recipients;	/* take them from the header */
};
int	 sendmail_compose(struct sendmail_message *, struct span raw,
	    const struct sendmail_facts *, struct buf *why);
void	 sendmail_message_free(struct sendmail_message *);

/* ---- sendmail_send.c ----------------------------------------------------- */
/* Hand it in.  Results are in m's recipients, and the first reason in why. */
int	 sendmail_send(struct sendmail_conf *, struct smtpclient_message *m,
	    int verbose, struct buf *why);

/* ---- sendmail_keep.c ----------------------------------------------------- */
/*
 * Keep what was not sent: the message in one file, and beside it to whom and
 * why.  The name is appended.  0, or -1 with a reason in why.
 */
int	 sendmail_keep(const char *dir, const struct smtpclient_message *,
	    struct span text, struct span reason, struct buf *name,
	    struct buf *why);

/* sendmail.c */
int	 sendmail_main(int, char **);

#endif
