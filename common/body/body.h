/*
 * The bodies of messages beside a dbenv environment, stored once, counted.
 *
 * Up to BODY_INLINE octets a body is one value of database "body", written in
 * the transaction that makes the message.  A larger one is a file big/XX/ID
 * (XX the last two digits of ID, 16 hexadecimal digits), copied there from a
 * descriptor by a helper thread, never rewritten.  What is on disk at each
 * step of a large one, and what a crash there leaves:
 *
 *	big/XX/ID.tmp being written	removed at the next start
 *	fdatasync; linked to big/XX/ID;
 *	ID.tmp unlinked; big/XX fsynced	removed at the next start
 *	transaction with its record	the body
 *	the last reference dropped	the body, until that is flushed
 *	flushed				removed now, or at the next start
 *
 * Identities are 64 bits, never 0, and never used twice in an environment.
 * All functions are for the loop thread; nothing but the disk blocks.  They
 * return 0, or -1 with an errno as in dbenv.h; ENOENT: no such body.
 */
#ifndef BODY_H
#define BODY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "dbenv.h"

#define BODY_INLINE	65536		/* octets that stay in the database */
#define BODY_SLICE	(256 * 1024)	/* octets of one read or write */

struct body;				/* the bodies of one environment */
struct body_in;				/* one on its way in */

/*
 * After dbenv_open(), before dbenv_start() and dbenv_schema(): opens the
 * databases "body" and "bodyref", makes big/ when missing and removes the
 * files there that no record names.  NULL with errno, dbenv_error() says what.
 * Close before dbenv_close(); all body_in must be freed by then.
 */
struct body	*body_open(struct dbenv *);
void		 body_close(struct body *);
/*
 * Look for files that no record names, as at start, in slices and by a helper
 * thread.  Call it every hour; a second call while one runs does nothing.
 */
void		 body_sweep(struct body *);

/*
 * Taking one in.  The octets that are stored are the octets of prefix, then
 * those of fd (a regular file or memfd), read by pread from 0, once; feed sees each of them, in order, as it is stored.
 *
 *  fd		stays the caller's, who may close it when body_in_start() has
 *		returned; not to be written to from then on.  -1: prefix is all
 *  size	so many octets of fd are read, or what there is if it has
 *		fewer; 0: to its end
 *  max		more octets than this, prefix counted: EFBIG
 *  prefix	copied
 *  feed	called by the loop thread within body_in_start() for a body up
 *		to BODY_INLINE, else by a helper thread: it may touch what arg
 *		points to and nothing that others use.  Returns 0, or an errno
 *		to stop with.  May be NULL
 *  done	the end of a large one, by dbenv_notify(); error 0 or an errno.
 *		It may call body_in_free()
 */
struct body_source {
	int		 fd;
	uint64_t	 size;
	uint64_t	 max;
	struct span	 prefix;
	int		(*feed)(void *arg, struct span);
	void		(*done)(struct body_in *, int error, void *arg);
	void		*arg;
};
/*
 * *in is set to NULL first, and on failure.  Returns 1 when all was read (done
 * is not called), 0 when a helper thread reads on, -1: EFBIG, EINVAL (not a
 * regular file), ENOMEM, that of pread or of feed.
 */
int		 body_in_start(struct body *, const struct body_source *,
		    struct body_in **in);
/*
 * Make it a body, with refs references (1 and more), in the open command.
 * The command may be aborted or undone and body_in_put called again: the
 * identity stays the same.  EEXIST: it is one already.
 */
int		 body_in_put(struct body_in *, uint32_t refs, uint64_t *id);
uint64_t	 body_in_size(const struct body_in *);
uint32_t	 body_in_crc(const struct body_in *);
/* The octets of a small one, borrowed; an empty span with p NULL: it is a
 * large one, see body_in_read(). */
struct span	 body_in_octets(const struct body_in *);
/* As body_read(), of one that is wholly in, before or after it was put. */
ssize_t		 body_in_read(struct body_in *, uint64_t off, void *, size_t);
/*
 * Always, put or not; NULL is fine.  One that is not all in yet is given up:
 * after this neither feed nor done is called (it may wait for one slice).  One
 * that was put may be freed at once; when its command or group is undone its
 * file goes.
 */
void		 body_in_free(struct body_in *);

/*
 * An empty unlinked file on the environment's file system, for octets that
 * come from a network rather than a descriptor (an APPEND); then give it to
 * body_in_start().  The caller closes it.
 */
int		 body_spool(struct body *);
/* All of these octets at that offset of it.  0, or -1 with errno. */
int		 body_spool_write(int fd, struct span, uint64_t at);

/*
 * References: n more, one less.  The last one removes the body; a file goes
 * when that is flushed.
 */
int		 body_ref(struct body *, uint64_t id, uint32_t n);
int		 body_unref(struct body *, uint64_t id);

/*
 * After body_open() of what was salvaged (dbenv_is_salvaged()): so many
 * references it has; 0: it goes.
 */
int		 body_set_refs(struct body *, uint64_t id, uint32_t n);

struct body_info {
	uint64_t	 size;
	uint32_t	 crc;		/* CRC-32C of its octets */
	uint32_t	 refs;
	int		 big;		/* a file of its own */
};
int		 body_stat(struct body *, uint64_t id, struct body_info *);
/*
 * Up to n octets from offset off.  Returns how many, 0 at the end.  EILSEQ: a
 * small one whose checksum is wrong (each first read of it checks; a file is
 * checked by body_check()), or a file shorter than its record says.
 */
ssize_t		 body_read(struct body *, uint64_t id, uint64_t off, void *,
		    size_t n);
/*
 * A descriptor that reads it, for another process: the file opened read-only,
 * or a sealed memfd.  The caller closes it.
 */
int		 body_fd(struct body *, uint64_t id);

/*
 * The records in order of identity: the first one after id.  ENOENT: the end.
 */
int		 body_next(struct body *, uint64_t id, uint64_t *next);
/*
 * Read it all and compare its checksum: a small one at once, a file by a
 * helper thread.  done is called by dbenv_notify() in both cases; error
 * EILSEQ, ENOENT, that of the read, or 0.
 */
struct body_check {
	void			(*done)(struct body_check *, int error);
	void			*arg;		/* the caller's */
	uint64_t		 id;		/* the rest is body's */
	struct body_info	 info;
	struct body		*body;
	struct dbenv_job	 job;
	int			 fd;
	int			 error;
};
void		 body_check(struct body *, uint64_t id, struct body_check *);

/*
 * dbenv_backup() with the files behind the databases; bk->more is body's.  No
 * file is removed meanwhile.  Names are "big/XX/ID".
 */
int		 body_backup(struct body *, struct dbenv_backup *bk);

/* For the status listing. */
struct body_stats {
	uint64_t	 in_small;	/* taken in since open */
	uint64_t	 in_big;
	uint64_t	 in_octets;
	uint64_t	 in_now;	/* body_in alive */
	uint64_t	 unlinked;	/* files removed */
	uint64_t	 swept;		/* of these, that no record named */
};
void		 body_stats(const struct body *, struct body_stats *);

#endif
