/*
 * What brings mail in from elsewhere: a child process reads it there and writes
 * an mbox (mbox.h) into a pipe, which letterctl hands to the service.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include "buf.h"
#include "mbox.h"

#define IMPORT_PIECE	65536		/* octets read and written at once */

#define IMPORT_KEY	17		/* of a mark, with its NUL */

struct import_out;

/*
 * How far an import of that source into the account came: the key of its marks
 * (mbox.h), and the last value of them, or nothing.  0, or -1 after saying why.
 */
int	 import_mark(const char *account, struct buf *source,
	    char key[IMPORT_KEY], struct buf *value);
/*
 * Run produce in the child and see its output into the account: an exit status.
 * produce returns 0, or -1 after saying why; what it wrote before is kept.
 */
int	 import_run(const char *account, int (*produce)(void *,
	    struct import_out *), void *arg);
/* A message: begin, octets any number of times, end.  They end the process when
 * nobody reads. */
void	 import_begin(struct import_out *, const struct mbox_meta *);
void	 import_octets(struct import_out *, struct span);
void	 import_end(struct import_out *);
/* A mailbox is to be there, though nothing is in it. */
void	 import_folder(struct import_out *, const char *);
/* For who watches: the mailbox at work (kept), and how many messages more there
 * are to be than was said before. */
void	 import_at(struct import_out *, const char *mailbox, uint64_t more);
/* Is a mailbox, as it is called elsewhere, the one of that name here? */
int	 import_is(const char *mailbox, const char *name);
/* Can there be such a mailbox here?  0, or -1: it is left out, which is said. */
int	 import_can_be(struct import_out *, const char *mailbox);
/* Something was left out, which was said: the exit status tells. */
void	 import_missed(struct import_out *);

/* import_maildir.c, import_imap.c, export_maildir.c: commands. */
int	 import_maildir(int, char **);
#define IMPORT_MAILDIR_USAGE	"[--resume] ACCOUNT DIRECTORY [MAILBOX ...]"
int	 import_imap(int, char **);
#define IMPORT_IMAP_USAGE	"[--starttls] [--ca FILE] [--exclude MAILBOX] " \
				"ACCOUNT HOST[:PORT] USER [MAILBOX ...]"
int	 export_maildir(int, char **);

/*
 * export.c: what the service sends is whole when it is as much as the service
 * says that it wrote.
 */
struct export_sum {
	uint64_t	 octets;	/* that came */
	uint64_t	 said;
	uint64_t	 messages;	/* as it says */
	uint64_t	 damaged;	/* left out */
	int		 known;		/* it said something */
};
/* A row of the answer. */
void	 export_said(struct export_sum *, struct span json);
/* 0, or -1 after saying what is missing. */
int	 export_check(const struct export_sum *, const char *what);
int	 export_mbox(int, char **);

#endif
