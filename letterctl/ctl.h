/*
 * letterctl's side of the control socket.
 */
#ifndef CTL_H
#define CTL_H

#include "buf.h"
#include "msg.h"

/* Exit statuses, documented in letterctl(8). */
#define EXIT_OK		0
#define EXIT_REFUSED	1	/* the service said no; it says why */
#define EXIT_USAGE_	2	/* the command line is wrong */
#define EXIT_AWAY	3	/* no service at the socket */

/* The control socket. */
extern const char	*socket_path;
/* --json was given. */
extern int		 ctl_json;
/* Print what the service says at the end. */
void			 say(void *, struct span text);

struct ctl;

/* Connect; NULL after saying why. */
struct ctl	*ctl_open(const char *path);
void		 ctl_close(struct ctl *);

/*
 * Ask, page after page.  row is called for each row, text for what the service
 * says at the end of a page; both may be NULL.  stream, when not -1, is an open
 * file: "out" copies what the service writes into it, "in" copies it to the
 * service.  Returns an exit status; errors are printed.
 */
struct ctl_ask {
	const char	*verb;
	struct msg_ctl_arg *args;
	size_t		 nargs;
	int		 stream;
	int		 in;
	void		(*row)(void *, struct span json);
	void		(*text)(void *, struct span);
	int		(*enough)(void *);	/* no further page; or NULL */
	/* takes octets of the stream instead of a file, -1 to give up */
	int		(*take)(void *, struct span);
	uint64_t	*octets;		/* of the stream, added up; or NULL */
	/* "in" has come to its end: is it whole?  0; -1: it was broken off */
	int		(*whole)(void *);
	void		*arg;
};
int		 ctl_ask(struct ctl *, const struct ctl_ask *);

/* ids.c: the same for any number of ids, some at a time.  value: the last
 * argument is none and goes with all of them. */
int		 ask_pieces(struct ctl *, const struct ctl_ask *, int value);

/* list.c: rows as columns, or as JSON.  list_options takes its own out of the
 * arguments, for the listing that is next: 0, or -1 after saying why. */
#define LIST_USAGE	" [--sort FIELD] [--reverse] [--limit N]"
struct list_ctx;
int		 list_options(int *argc, char **argv);
struct list_ctx	*list_new(const char *columns, int json);
void		 list_row(void *, struct span json);
int		 list_enough(void *);
/* 0, or -1 when no row had the field that they were to be sorted by. */
int		 list_end(struct list_ctx *);
/* Rows so far, of all listings. */
size_t		 list_rows(void);

/* password.c: from the terminal, unseen and, where it is a new one, twice; or a
 * line of standard input.  0, or -1 after saying why. */
int		 read_password(struct buf *, int is_new);

/* backup.c: one environment's stream into a directory. */
int		 backup_take(void *, struct span);
struct unpack	*unpack_new(const char *dir);
int		 unpack_end(struct unpack *);

/* tlspubkey.c */
int		 tlspubkey_add(int, char **);
int		 tlspubkey_show(int, char **);
int		 tlspubkey_update(int, char **);
/* gen.c */
int		 tlspubkey_gen(int, char **);

/* dnscheck.c */
int		 dnscheck(int, char **);
int		 dnsrecords(int, char **);

/* salvage.c */
int		 salvage(int, char **);
int		 compact(int, char **);

/* quickstart.c */
int		 quickstart(int, char **);

#endif
