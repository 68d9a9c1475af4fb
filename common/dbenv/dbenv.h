/*
 * One Berkeley DB environment with one owner: transactions in groups, replies
 * after their flush, every value with a checksum of its own.
 *
 * How an owner uses it, all from its loop thread:
 *
 *	dbenv_open()		lock the directory, recover
 *	dbenv_db()		once a database
 *	dbenv_schema()		upgrade, or refuse what is newer
 *	(the cage: chroot into the directory, user, filters)
 *	dbenv_start()		the helper threads
 *	dbenv_fd() readable	-> dbenv_notify()
 *	end of a loop turn	-> dbenv_turn_end()
 *
 *	a command:	dbenv_begin(); puts and deletes;
 *			dbenv_commit() or dbenv_abort();
 *			dbenv_wait(env, dbenv_seq(env), &w): reply when called
 *
 * One write transaction, the group, is open at any time.  The first write of a
 * turn begins it, dbenv_turn_end() commits it under the next number and has a
 * helper thread flush it.  Each command is a child of it, so dbenv_abort()
 * undoes that command alone.  When a put or a commit fails (disk full, an I/O
 * error) the whole group is undone at dbenv_turn_end(): every later write of
 * that turn fails with the same errno, conf.undone is called, then each wait
 * for that group with that errno.
 *
 * What a crash leaves: a group is in the log whole or not at all.  Of groups
 * that were flushed all are there after dbenv_open().
 *
 * Nothing here blocks but the disk: no call waits for a lock, and the first write
 * of a group only while a backup opens a database.  Callbacks are
 * called from dbenv_notify() and dbenv_turn_end() only, on the loop thread,
 * unless said otherwise.  Functions return 0, or -1 with errno:
 *
 *	ENOENT		no such key
 *	EEXIST		dbenv_add: the key is there
 *	EILSEQ		a value whose checksum is wrong; dbenv_error() names
 *			database and key
 *	ENOSPC, EIO	the disk; the group will be undone
 *	EDEADLK		something else holds a lock, the log says what; the
 *			group will be undone
 *	EINVAL		a slip of the owner: a call out of order
 *	ENOTRECOVERABLE	Berkeley DB gave up; conf.fatal will be called
 */
#ifndef DBENV_H
#define DBENV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

#define DBENV_PAGE	4096	/* a larger page is torn by a crash */
#define DBENV_KEY_MAX	512	/* octets; EINVAL over it */
#define DBENV_VALUE_MAX	(1024 * 1024)
#define DBENV_PANIC	"Berkeley DB panicked"	/* conf.fatal's text begins so */
#define DBENV_LOG_FILE	(16 * 1024 * 1024)

struct dbenv;
struct dbenv_db;

enum dbenv_level { DBENV_LOG_INFO, DBENV_LOG_WARN, DBENV_LOG_ERR };

/*
 * Zero is the default of every number.  All is copied by dbenv_open() but arg.
 */
struct dbenv_conf {
	const char	*home;		/* relative: "." after chdir, or "./00";
					 * made with mode 0700 when missing */
	uid_t		 uid;		/* as root: open as this user, to whom */
	gid_t		 gid;		/* all files then belong; 0: as we are */
	size_t		 cache;		/* octets of page cache; 0: 32 MiB */
	uint32_t	 log_file;	/* octets a log file; 0: DBENV_LOG_FILE */
	uint64_t	 checkpoint;	/* octets of log between; 0: 128 MiB */
	unsigned int	 checkpoint_s;	/* seconds between; 0: 60 */
	uint64_t	 margin;	/* octets of disk to keep free beside two
					 * log files and the dirty cache;
					 * 0: 64 MiB */
	uint64_t	 reserve;	/* octets of the file given up for recovery
					 * on a full disk; 0: two log files */
	unsigned int	 lock_wait_s;	/* for the directory's lock; 0: 10 */

	/* A line for the log. */
	void		(*log)(void *arg, enum dbenv_level, const char *text);
	/* A group was begun: see that dbenv_turn_end() is called.  Called from
	 * within the first write.  May be NULL. */
	void		(*begun)(void *arg);
	/* A group was undone with this errno: drop what is remembered of it.
	 * May be NULL. */
	void		(*undone)(void *arg, uint64_t seq, int error);
	/* The environment is lost to this process (a failed flush, a panic):
	 * end it.  abort() follows when it returns, or is NULL. */
	void		(*fatal)(void *arg, const char *text);
	void		*arg;
};

/*
 * Lock, check and recover the environment in conf->home.  Waits up to
 * lock_wait_s for another owner to end.  Refuses a network file system
 * (ENOTSUP), a directory of another user (EPERM), a DB_CONFIG file (EPERM).
 * When recovery fails for want of space the reserve file is removed and it is
 * tried once more.
 *
 * Paths are kept relative, so the process may chroot afterwards as long as its
 * working directory stays the same directory.  No thread is begun; until
 * dbenv_start() each group is flushed by dbenv_turn_end() itself.
 *
 * *out is set to NULL first.  On failure why (may be NULL) gets one line.
 * Further errors: EAGAIN the lock was not to be had, those of mkdir and open.
 */
int		 dbenv_open(const struct dbenv_conf *conf, struct dbenv **out,
		    struct buf *why);
/*
 * Begin the helper threads, after the cage.  -1 with errno of pthread_create.
 */
int		 dbenv_start(struct dbenv *);
/*
 * Commit and flush what is open, end the threads, write a checkpoint, close.
 * Waits still queued are not called.  NULL is fine.
 */
void		 dbenv_close(struct dbenv *);

/*
 * Open, or create, a database (a B-tree ordered by octets) in file "NAME.db".
 * Before dbenv_start() only.  The handle belongs to env; NULL with errno.
 */
enum {
	DBENV_NOSUM = 1		/* no checksum on pages, and the first to leave
				 * the cache: large values only, that carry
				 * their own */
};
struct dbenv_db	*dbenv_db(struct dbenv *, const char *name, int flags);

/*
 * The version of what is stored.  A new environment gets version now; an older
 * one is handed to upgrade (NULL: EPROTO), in one transaction, step by step:
 * it is called with from, from + 1 ... now - 1 and returns 0 or -1 with errno.
 * A newer one is refused: EPROTO, dbenv_error() says so.  After dbenv_db().
 */
int		 dbenv_schema(struct dbenv *, uint32_t now,
		    int (*upgrade)(struct dbenv *, uint32_t from, void *arg),
		    void *arg);

/* What the last failed call said, one line; never NULL. */
const char	*dbenv_error(const struct dbenv *);
const char	*dbenv_home(const struct dbenv *);

/*
 * Reads.  They see what the open command wrote.  *val borrows from the
 * database handle and is good until the next read of the same database.
 */
int		 dbenv_get(struct dbenv_db *, struct span key,
		    struct span *val);
/* Is it there?  1, 0, or -1; the value is not looked at. */
int		 dbenv_has(struct dbenv_db *, struct span key);
/*
 * The first record at or after key; the last record before key (an empty key:
 * the last of all).  *found borrows as *val does.  ENOENT: there is none;
 * EILSEQ: *found is set all the same.
 */
int		 dbenv_next(struct dbenv_db *, struct span key,
		    struct span *found, struct span *val);
int		 dbenv_prev(struct dbenv_db *, struct span key,
		    struct span *found, struct span *val);
/* The last record whose key begins with prefix. */
int		 dbenv_last(struct dbenv_db *, struct span prefix,
		    struct span *found, struct span *val);

/*
 * Many records in key order, read in pieces of 64 KiB and more.  No cursor is
 * kept between calls: an iterator may live across loop turns and the owner may
 * write meanwhile.  It shows each record as it was when its piece was read.
 *
 *	dbenv_iter_init(&it, db, from, prefix);
 *	while ((r = dbenv_iter_next(&it, &key, &val)) == 1)
 *		...
 *	dbenv_iter_free(&it);
 *
 * from: begin at or after this key; empty: at the prefix.  prefix: end with
 * the last key that begins so; empty: with the last of all.  Both are copied.
 * dbenv_iter_next returns 1, 0 at the end, -1 (EILSEQ: key is set, val is
 * empty, the next call goes on behind it).  key and val are good until the
 * next call.
 */
struct dbenv_iter {
	struct dbenv_db	*db;
	uint8_t		*piece;		/* what DB_MULTIPLE_KEY gave */
	uint32_t	 size;
	void		*at;		/* place in the piece */
	struct span	 last;		/* key last shown, in the piece */
	struct buf	 from;		/* where the next piece begins */
	struct buf	 prefix;
	int		 ended;
	int		 failed;	/* ENOMEM of init */
};
void		 dbenv_iter_init(struct dbenv_iter *, struct dbenv_db *,
		    struct span from, struct span prefix);
int		 dbenv_iter_next(struct dbenv_iter *, struct span *key,
		    struct span *val);
void		 dbenv_iter_free(struct dbenv_iter *);

/*
 * Writes, in the open command or, without one, in the group itself.  put
 * replaces, add does not (EEXIST), del wants it there (ENOENT).
 */
int		 dbenv_put(struct dbenv_db *, struct span key, struct span val);
int		 dbenv_add(struct dbenv_db *, struct span key, struct span val);
int		 dbenv_del(struct dbenv_db *, struct span key);
/* As many puts, faster; best in the order of keys. */
struct dbenv_record { struct span key, val; };
int		 dbenv_put_many(struct dbenv_db *,
		    const struct dbenv_record *, size_t n);

/*
 * One command of the group.  Commands do not nest.  A command that only reads
 * costs nothing.  dbenv_commit() fails, and the command is undone, when
 * anything in its group failed; dbenv_abort() never fails,
 * and leaves errno as it is.
 */
int		 dbenv_begin(struct dbenv *);
int		 dbenv_commit(struct dbenv *);
void		 dbenv_abort(struct dbenv *);

/*
 * Commit the group, if one is open, and have it flushed.  Call it once at the
 * end of each loop turn, or earlier by whoever needs it committed: 0, or -1 with
 * errno: it was undone.  A group that nobody waits for (late flag changes) is
 * flushed with the next one or within half a second.
 */
int		 dbenv_turn_end(struct dbenv *);

/*
 * Numbers of groups begin at 1 with each dbenv_open().  dbenv_seq: of the open
 * group or, when none is open, of the last one committed: what a command that
 * just wrote, or output that depends on all written so far, has to wait for.
 * dbenv_flushed: all up to this number are on disk or undone.
 */
uint64_t	 dbenv_seq(const struct dbenv *);
uint64_t	 dbenv_flushed(const struct dbenv *);
/* The last one committed, or undone: it is with the system, so that the end of
 * this process alone does not lose it. */
uint64_t	 dbenv_committed(const struct dbenv *);

/*
 * May groups be lost that were committed and not flushed?  Such survive the end
 * of the process, but not the system's, nor a failed flush.  dbenv_uncertain()
 * is 1 when dbenv_certain() was not called under this boot of the system, or a
 * flush failed since, or this is a copy; what dbenv_open() found is on disk in
 * any case.  dbenv_certain(), once all that may be wrong is right and before
 * dbenv_start(), flushes and records the boot: 0, or -1 with errno.  On a disk that
 * is full it gives up the reserve file, and is content to stay uncertain.
 */
int		 dbenv_uncertain(const struct dbenv *);
int		 dbenv_certain(struct dbenv *);

/*
 * Call w->done when group seq is flushed (error 0) or undone (its errno).
 * Returns 1 when it is on disk already: then done is not called; else 0.
 * w belongs to the caller, is in use until done is called (which may free it)
 * or dbenv_unwait().  Calls come in the order of the waits.
 */
struct dbenv_wait {
	void			(*done)(struct dbenv_wait *, int error);
	void			*arg;		/* the caller's */
	uint64_t		 seq;		/* the rest is dbenv's */
	struct dbenv_wait	*next;
	struct dbenv_wait	**prev;
};
int		 dbenv_wait(struct dbenv *, uint64_t seq, struct dbenv_wait *);
/* Forget it, queued or not (all zeroes is fine). */
void		 dbenv_unwait(struct dbenv *, struct dbenv_wait *);

/*
 * A descriptor that is readable when dbenv_notify() has something to do.  It
 * calls waits, ends of jobs, log lines.  Also before dbenv_start().
 */
int		 dbenv_fd(const struct dbenv *);
void		 dbenv_notify(struct dbenv *);

/*
 * Work that may block, off the loop: run is called by one of a few helper
 * threads (touch nothing of dbenv there), then done on the loop thread.
 * Before dbenv_start() run is called at once.  The job belongs to the caller
 * until done.
 */
struct dbenv_job {
	void			(*run)(struct dbenv_job *);
	void			(*done)(struct dbenv_job *);
	void			*arg;		/* the caller's */
	struct dbenv_job	*next;		/* dbenv's */
};
void		 dbenv_job(struct dbenv *, struct dbenv_job *);

/*
 * May a transaction that adds something begin?  0: the disk is near full,
 * answer 452 or NO and begin nothing; removals and reads go on.  Looked at
 * twice a second and after each failed write.
 */
int		 dbenv_writable(struct dbenv *);

/*
 * Was it written anew by "letterctl salvage"?  Then records may be missing that
 * others count on: who opens it makes them agree, and then calls the second.
 */
#define DBENV_SALVAGED	"salvaged"	/* the file that says so */
int		 dbenv_is_salvaged(const struct dbenv *);
int		 dbenv_salvaged_done(struct dbenv *);

/* The directory, for openat() and fsync(); it stays env's. */
int		 dbenv_dirfd(const struct dbenv *);

/*
 * Copy the environment while it runs: databases, then log.  open, write and
 * close are called by a thread of the backup's own and return 0 or an errno;
 * name is a file's name in the copy.  more (may be NULL) is called by that
 * thread when the last file is closed, for what else belongs to the copy.  No
 * log file is removed meanwhile.  done ends it on the loop thread.  One at a
 * time: -1 EBUSY.  A file "restored" in the copy has dbenv_open() recover all of
 * the log, once.
 */
struct dbenv_backup {
	int			(*open)(struct dbenv_backup *, const char *name);
	int			(*write)(struct dbenv_backup *, uint64_t off,
				    const void *, size_t);
	int			(*close)(struct dbenv_backup *, const char *name);
	int			(*more)(struct dbenv_backup *);
	void			(*done)(struct dbenv_backup *, int error);
	void			*arg;		/* the caller's */
	void			*more_arg;	/* of who sets more */
	struct dbenv		*env;		/* the rest is dbenv's */
	int			 error;
};
int		 dbenv_backup(struct dbenv *, struct dbenv_backup *);
/* Is one under way? */
int		 dbenv_backing_up(const struct dbenv *);

/*
 * Check everything.  dbenv_verify_pages: read the pages of every database in a
 * helper thread and check their sums; done on the loop thread.
 * dbenv_verify_records: check the records of one database in slices: up to n
 * records from the key *from on (moved behind what was checked; free it);
 * returns 1 when there is more, 0 at the end, -1.  bad (may be NULL in
 * neither) is called for each: by the helper thread with a page number and an
 * empty key, on the loop thread with page 0 and the key.
 */
struct dbenv_verify {
	void			(*bad)(struct dbenv_verify *, const char *db,
				    uint32_t page, struct span key);
	void			(*done)(struct dbenv_verify *, int error);
	void			*arg;		/* the caller's */
	uint64_t		 checked;	/* pages or records so far */
	uint64_t		 nbad;
	struct dbenv		*env;		/* the rest is dbenv's */
	struct dbenv_job	 job;
	int			 error;
};
int		 dbenv_verify_pages(struct dbenv *, struct dbenv_verify *);
int		 dbenv_verify_records(struct dbenv_db *, struct dbenv_verify *,
		    struct buf *from, size_t n);

/* The databases of env, the first for NULL, NULL at the end. */
struct dbenv_db	*dbenv_db_next(struct dbenv *, struct dbenv_db *);
const char	*dbenv_db_name(const struct dbenv_db *);
struct dbenv	*dbenv_db_env(const struct dbenv_db *);

/* For the status listing. */
struct dbenv_stats {
	uint64_t	 groups;	/* committed */
	uint64_t	 commands;	/* committed, with a write */
	uint64_t	 undone;	/* groups undone */
	uint64_t	 flushes;
	uint64_t	 flush_us;	/* spent in flushes, microseconds */
	uint64_t	 flush_max_us;
	uint64_t	 waiting;	/* waits queued now */
	uint64_t	 jobs;		/* queued or running now */
	uint64_t	 checkpoints;
	uint64_t	 checksum_errors;
	uint64_t	 log_octets;	/* written since open */
	uint64_t	 free_octets;	/* of the file system */
	uint64_t	 need_octets;	/* under which nothing is begun */
	uint64_t	 cache_octets;
	uint64_t	 dirty_octets;
	uint64_t	 hits, misses;	/* of the cache */
	int		 writable;
};
void		 dbenv_stats(struct dbenv *, struct dbenv_stats *);

/*
 * The sealing of a value, for tools and tests: CRC-32C over key and value,
 * four octets in network order behind the value.  dbenv_unseal takes them off
 * *val: 0, or -1 with EILSEQ.
 */
int		 dbenv_seal(struct buf *out, struct span key, struct span val);
int		 dbenv_unseal(struct span key, struct span *val);

#endif
