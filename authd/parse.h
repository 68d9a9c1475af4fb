/*
 * letterlock.conf: from file to struct conf, checked, and back to text.
 */
#ifndef PARSE_H
#define PARSE_H

#include "buf.h"
#include "conf.h"

/* What is wrong, all of it: "file:line: text", a line each. */
struct report {
	struct buf	 text;
	unsigned	 errors, warnings;
};

void	 report_error(struct report *, const char *where, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 report_warning(struct report *, const char *where, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));

/*
 * Parse and check, opening no certificate.  NULL when the report has errors.
 * Counts that the file leaves to the machine are 0: conf_settle().
 */
struct conf	*parse_conf(const char *path, struct report *);
/* "name=value", as from the command line.  -1: malformed. */
int		 parse_macro(const char *);

/* check.c: what no single line shows. */
void	 check_conf(const struct conf *, struct report *, unsigned broken);
/* Bits of broken: statements of that kind had a syntax error, so that what is
 * missing of them is not reported. */
#define BROKEN_HOSTNAME		0x01u
#define BROKEN_CERTIFICATE	0x02u
#define BROKEN_TRANSPORT	0x04u
#define BROKEN_LISTEN		0x08u
#define BROKEN_OTHER		0x10u

/* print.c: what was understood; it parses again and means the same. */
void	 print_conf(struct buf *, const struct conf *);
void	 print_route(struct buf *, const struct conf_route *);
void	 print_transport(struct buf *, const struct conf_transport *);
/* addr as text: "192.0.2.1", "::1"; the port apart. */
void	 print_address(struct buf *, const struct sockaddr_storage *);
uint16_t address_port(const struct sockaddr_storage *);

/* values.c: words to values.  0 or -1 with the reason in why. */
int	 value_address(const char *, uint16_t port, struct sockaddr_storage *);
int	 value_mailbox(const char *, char **, struct buf *why);
int	 value_resolver(const char *, char **, struct buf *why);
int	 value_size(uint64_t, int unit, uint64_t *, struct buf *why);
int	 value_seconds(uint64_t, int unit, uint64_t *, struct buf *why);
/* Index in a NULL-terminated list of names, or -1 with all of them in why. */
int	 value_choice(const char *, const char *const *, struct buf *why);
extern const char *const kind_names[], *const tls_names[],
    *const ccert_names[], *const level_names[], *const transport_names[],
    *const yes_names[], *const role_names_conf[];

/* limits by name: for the parser and the printer. */
struct limit {
	const char	*name;
	size_t		 off;		/* in struct conf_limits */
	size_t		 width;		/* 4 or 8 octets */
	char		 unit;		/* 's' seconds, 'b' octets, 0 a count */
	uint64_t	 min, max;
};
extern const struct limit	 limits[];
extern const size_t		 nlimits;
uint64_t limit_get(const struct conf_limits *, const struct limit *);
void	 limit_set(struct conf_limits *, const struct limit *, uint64_t);
void	 limits_default(struct conf_limits *);
/* Mechanisms of a listener that names none, and all that can be served. */
uint32_t mechs_default(const struct conf_listener *);
extern const uint32_t	 mechs_served;

/* files.c: certificates and keys; path, mode and owner in the reason. */
int	 open_key(const char *path, struct buf *why);	/* descriptor or -1 */
int	 load_certificate(struct conf_cert *, struct buf *why,
	    struct buf *warning);
/* Does the private key fit the certificate?  For "authd -n" only. */
int	 key_fits(const struct conf_cert *, struct buf *why);
/* All of them, into the report. */
void	 load_certificates(struct conf *, struct report *);
/* A directory others cannot put things into; NULL or what is wrong. */
int	 safe_directory(const char *path, struct buf *why);

/* Counts that are 0: one process a core; partitions as given. */
void	 conf_settle(struct conf *, unsigned partitions_found);

#endif
