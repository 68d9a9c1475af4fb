/*
 * dbenv's inside: shared by its own files and by nobody else.
 *
 * The loop thread owns everything but what stands under "mtx" (and the
 * atomics).  Helper threads call log_flush, memp_trickle, txn_checkpoint,
 * log_archive and backup of Berkeley DB, nothing else of it.
 */
#ifndef DBENV_INT_H
#define DBENV_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <db.h>

#include "dbenv.h"

#define CACHE_DEFAULT	(32 * 1024 * 1024)
#define CKPT_OCTETS	(128ULL * 1024 * 1024)
#define CKPT_SECONDS	60
#define MARGIN_DEFAULT	(64ULL * 1024 * 1024)
#define LOCK_WAIT	10
#define LOG_BUFFER	(1024 * 1024)
#define TICK_MS		500		/* trickle, lazy flush, free space */
#define JOB_THREADS	2
#define LINES_MAX	64		/* log lines kept for the loop */
#define STACK_SIZE	(1024 * 1024)
#define RESERVE_NAME	"reserve"
#define SCHEMA_NAME	"schema"	/* database of the version */
#define PROBE_NAME	"probe"		/* can anything be written? */
#define BOOT_NAME	"boot"		/* under which all is certain */
#define RESTORED_NAME	"restored"	/* this is a backup, not yet opened */

struct dbenv_db {
	struct dbenv		*env;
	struct dbenv_db		*next;
	DB			*db;
	char			*name;
	uint8_t			*val;		/* last value read */
	uint32_t		 valcap;
	uint8_t			 key[DBENV_KEY_MAX];	/* last key found */
};

struct line {
	struct line		*next;
	enum dbenv_level	 level;
	char			 text[];
};

struct dbenv {
	DB_ENV			*e;
	struct dbenv_conf	 conf;
	char			*home;
	int			 dirfd;		/* holds the lock */
	int			 evfd;
	char			 boot[64];	/* which of the system, or "" */
	int			 certain;	/* the file named so as well */
	struct dbenv_db		*dbs;
	struct dbenv_db		*schema;
	struct buf		 scratch;	/* value and its checksum */
	struct buf		 error;		/* of the last failed call */

	/* the group */
	DB_TXN			*top;
	DB_TXN			*cmd;
	int			 in_cmd;
	int			 wrote;		/* in the open command */
	int			 open;		/* begun, or failed to begin */
	int			 broken;	/* errno that undoes it */
	atomic_uint_fast64_t	 committed;	/* number of the last group */
	struct dbenv_wait	*waits;
	struct dbenv_wait	**waits_tail;
	uint64_t		 nwaits;
	int			 fatal_sent;
	struct timespec		 checked;	/* of free space */

	/* threads */
	int			 started;
	int			 have_flusher;
	int			 have_keeper;
	pthread_t		 flusher;
	pthread_t		 keeper;
	pthread_t		 workers[JOB_THREADS];
	unsigned int		 nworkers;
	pthread_t		 backup_thread;

	pthread_mutex_t		 mtx;
	pthread_cond_t		 flush_cond;
	pthread_cond_t		 keep_cond;
	pthread_cond_t		 job_cond;
	/* under mtx */
	int			 stop;
	uint64_t		 want;		/* flush at once up to here */
	int			 flusher_asleep; /* until it is told */
	int			 keeper_asleep;	/* nothing to keep */
	struct dbenv_job	*jobs, **jobs_tail;
	struct dbenv_job	*ends, **ends_tail;
	uint64_t		 njobs;
	struct line		*lines, **lines_tail;
	unsigned int		 nlines;
	char			*dberr;		/* Berkeley DB's last word, */
	pthread_t		 dberr_by;	/* and who heard it */
	time_t			 dberr_since;
	unsigned int		 dberr_lines;
	char			*lost;		/* why this ends */
	struct dbenv_backup	*backup;	/* under way */
	int			 backup_ended;

	/* databases are opened by a backup while no group is open */
	pthread_cond_t		 gate_cond;	/* with mtx */
	atomic_int		 shut;
	atomic_int		 inside;	/* a group is open */
	time_t			 locks_told;
	unsigned int		 lock_lines;

	/* removing log files excludes beginning a backup */
	pthread_mutex_t		 arch_mtx;
	atomic_int		 backing_up;

	atomic_uint_fast64_t	 flushed;
	uint32_t		 synced_file;	/* the directory knows this log */
	atomic_uint_fast64_t	 dirty;		/* octets of the cache */

	struct dbenv_stats	 st;		/* parts under mtx: flush, ckpt */
};

/* dbenv_open.c */
int	 dbenv_network_fs(int fd);
int	 dbenv_reserve_free(struct dbenv *);

/* dbenv_boot.c */
void	 dbenv_boot_read(struct dbenv *);
void	 dbenv_boot_forget(struct dbenv *);

/* dbenv_txn.c */
int	 dbenv_errno(int);
int	 dbenv_fail(struct dbenv *, int, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 dbenv_forget(struct dbenv *);
DB_TXN	*dbenv_reader(struct dbenv *);
int	 dbenv_writer(struct dbenv *, DB_TXN **);
void	 dbenv_break(struct dbenv *, int);
void	 dbenv_space_check(struct dbenv *);

/* dbenv_thread.c */
void	 dbenv_line(struct dbenv *, enum dbenv_level, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 dbenv_lost(struct dbenv *, const char *);
void	 dbenv_wake(struct dbenv *);
int	 dbenv_flush_now(struct dbenv *);
int	 dbenv_thread(struct dbenv *, pthread_t *, void *(*)(void *));
void	 dbenv_stop(struct dbenv *);
void	 dbenv_job_ends(struct dbenv *);
void	 dbenv_lines(struct dbenv *);
void	 dbenv_remove_logs(struct dbenv *);

/* dbenv_locks.c */
void	 dbenv_gate_shut(struct dbenv *);
void	 dbenv_gate_open(struct dbenv *);
void	 dbenv_gate_in(struct dbenv *);
void	 dbenv_gate_out(struct dbenv *);
void	 dbenv_tell_locks(struct dbenv *);

/* dbenv_backup.c */
void	 dbenv_backup_end(struct dbenv *);

#endif
