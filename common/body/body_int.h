/*
 * body's inside: shared by its own files and by nobody else.
 */
#ifndef BODY_INT_H
#define BODY_INT_H

#include <pthread.h>

#include "body.h"

#define BIG_DIRS	256
#define NAME_MAX_	32		/* "XX/ID.tmp" and its NUL */

enum name_kind { NAME_BODY, NAME_TMP };

/* A file that goes once what dropped it is flushed. */
struct removal {
	struct dbenv_wait	 wait;
	struct dbenv_job	 job;
	struct body		*b;
	struct removal		*next;
	uint64_t		 id;
	int			 swept;
};

/* One directory of big/ being looked through. */
struct sweep {
	struct dbenv_job	 job;
	struct body		*b;
	unsigned int		 dir;
	uint64_t		*ids;
	size_t			 n, cap;
	int			 error;
};

struct body {
	struct dbenv		*env;
	struct dbenv_db		*values;	/* "body" */
	struct dbenv_db		*refs;		/* "bodyref" */
	int			 bigfd;
	uint64_t		 next_id;
	uint64_t		 bound;		/* below it ids are on record */
	uint64_t		 bound_seq;	/* group that last raised it */
	struct body_in		*ins;
	struct removal		*removals;	/* waiting for a flush */
	struct removal		*held;		/* until a backup ends */
	struct sweep		*sweep;
	uint64_t		 last_id;	/* whose value is last_val */
	struct span		 last_val;
	struct dbenv_backup	*backup;
	void			(*backup_done)(struct dbenv_backup *, int);
	int			 closing;
	uint64_t		 njobs;		/* that end with body_job_ended() */
	struct body_stats	 st;
};

struct body_in {
	struct body		*b;
	struct body_in		*next, **prev;
	struct body_source	 src;
	struct buf		 data;		/* prefix, and a small one whole */
	size_t			 nprefix;
	uint64_t		 id;
	uint64_t		 size;
	uint32_t		 crc;
	int			 big;
	int			 whole;
	int			 fd;		/* a duplicate, for the thread */
	struct dbenv_job	 job;
	int			 error;
	pthread_mutex_t		 mtx;		/* held while feed is called */
	int			 cancelled;
};

/* body_repair.c */
int	 body_repair(struct body *);

/* body.c */
void	 body_key(uint8_t *, uint64_t);
uint64_t body_new_id(struct body *);
int	 body_keep_id(struct body *, uint64_t);
int	 body_put_ref(struct body *, uint64_t, const struct body_info *, int);

void	 body_job(struct body *, struct dbenv_job *);
void	 body_job_ended(struct body *);

/* body_file.c */
const char *body_name(char *, uint64_t, enum name_kind);
int	 body_dirs(struct body *);
int	 body_sweep_now(struct body *);
/* Calls the function for every file of directory n: an errno, or 0. */
int	 body_walk(int bigfd, unsigned n, int (*)(void *, int fd, const char *,
	    uint64_t id, int tmp), void *);
void	 body_remove(struct body *, uint64_t, int);
void	 body_release(struct body *);
int	 body_open_big(struct body *, uint64_t);
ssize_t	 body_pread(int, void *, size_t, uint64_t);

#endif
