/*
 * The cage of every role, as root and as an ordinary user: each action in a
 * process of its own, caged as that role.  A row says who can do it.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <db.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "sandbox.h"
#include "test.h"

#define FILES	(PEER(ROLE_AUTH) | PEER(ROLE_STORE) | PEER(ROLE_QUEUED))
#define THREADS	FILES
#define NET	(PEER(ROLE_LOOKUP) | PEER(ROLE_RELAY))
#define CLIENTS	(PEER(ROLE_CONTROL) | PEER(ROLE_SMTPD) | PEER(ROLE_FRONT))
#define PAIRS	(FILES | PEER(ROLE_SMTPD) | PEER(ROLE_FRONT))
#define BODIES	(FILES | PEER(ROLE_SMTPD) | PEER(ROLE_RELAY))
#define ALL	0x3feu		/* control to relay */
#define NONE	0u

#define NOBODY	61990		/* the ordinary user */

static struct conf	*conf;
static char		 dir[] = "/tmp/letterlock-cage-XXXXXX";
static int		 privileged;
static int		 body = -1;	/* a file that was handed over */
static int		 listener = -1;
static pid_t		 victim;
static enum role	 self;

/* Its own directory within ".": of a store its first partition. */
static const char *
own(const char *name)
{
	static char	 paths[2][128];
	static int	 next;
	char		*path = paths[next++ % 2];

	snprintf(path, sizeof(paths[0]), "%s%s", self == ROLE_STORE ? "00/" :
	    "", name);
	return (path);
}

/* Actions: 1 when it could be done. */

static int
may_read_passwd(void)
{
	return (open("/etc/passwd", O_RDONLY) != -1);
}

static int
may_read_above(void)
{
	return (open("../lock", O_RDONLY) != -1 ||
	    open("../../lock", O_RDONLY) != -1);
}

static int
may_read_other_partition(void)
{
	return (open("01/file", O_RDONLY) != -1);
}

static int
may_write_own_file(void)
{
	int	 fd = open(own("new"), O_RDWR | O_CREAT | O_EXCL, 0600);

	return (fd != -1 && pwrite(fd, "x", 1, 0) == 1 &&
	    fdatasync(fd) == 0 && ftruncate(fd, 0) == 0 &&
	    mkdir(own("dir"), 0700) == 0 && close(fd) == 0 &&
	    rename(own("new"), own("dir/moved")) == 0 &&
	    unlink(own("dir/moved")) == 0 && rmdir(own("dir")) == 0);
}

static int
may_link(void)
{
	int	 fd = open(own("one"), O_RDWR | O_CREAT, 0600), rc;

	(void)mkdir(own("big"), 0700);
	rc = fd != -1 && link(own("one"), own("big/two")) == 0;
	(void)unlink(own("big/two"));
	(void)unlink(own("one"));
	(void)rmdir(own("big"));
	return (rc);
}

/* Make a database, leave it open as a crash would, and recover it. */
static int
may_recover(void)
{
	DB_ENV	*env;
	DB	*db;
	int	 i;

	for (i = 0; i < 2; i++) {
		if (db_env_create(&env, 0) != 0 || env->open(env,
		    self == ROLE_STORE ? "00" : ".", DB_CREATE | DB_RECOVER |
		    DB_PRIVATE | DB_THREAD | DB_INIT_MPOOL | DB_INIT_TXN |
		    DB_INIT_LOG | DB_INIT_LOCK, 0600) != 0)
			return (0);
		if (db_create(&db, env, 0) != 0 || db->open(db, NULL, "test",
		    NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0600) != 0 ||
		    env->log_flush(env, NULL) != 0)
			return (0);
	}
	return (env->txn_checkpoint(env, 0, 0, 0) == 0);
}

static int
may_make_socket(void)
{
	return (socket(AF_INET, SOCK_STREAM, 0) != -1 &&
	    socket(AF_INET6, SOCK_DGRAM, 0) != -1);
}

static int
may_make_local_socket(void)
{
	return (socket(AF_UNIX, SOCK_STREAM, 0) != -1 ||
	    socket(AF_NETLINK, SOCK_RAW, 0) != -1 ||
	    socket(AF_PACKET, SOCK_RAW, 0) != -1);
}

static int
may_connect(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET,
				    .sin_port = htons(9) };
	int			 fd = socket(AF_INET, SOCK_DGRAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0);
}

static int
may_accept(void)
{
	return (accept4(listener, NULL, NULL, SOCK_NONBLOCK) != -1 ||
	    errno == EAGAIN);
}

static int
may_make_pair(void)
{
	int	 fds[2];

	return (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
}

static int
may_read_body(void)
{
	char	 c;

	return (pread(body, &c, 1, 0) == 1);
}

static void *
thread(void *arg)
{
	*(int *)arg = 1;
	return (NULL);
}

static int
may_thread(void)
{
	pthread_t	 t;
	int		 ran = 0;

	return (pthread_create(&t, NULL, thread, &ran) == 0 &&
	    pthread_join(t, NULL) == 0 && ran);
}

static int
may_fork(void)
{
	pid_t	 pid = fork();

	if (pid == 0)
		_exit(0);
	return (pid > 0);
}

static int
may_exec(void)
{
	char	*argv[] = { NULL }, *env[] = { NULL };

	/* /proc/self/exe is found even where there are no files */
	execve("/bin/true", argv, env);
	return (errno != EPERM && errno != EACCES && errno != ENOENT);
}

static int
may_kill(void)
{
	return (kill(victim, 0) == 0 || kill(getpid(), 0) == 0);
}

static int
may_ptrace(void)
{
	return (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}

static int
may_run_data(void)
{
	return (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static int
may_be_root(void)
{
	return (setuid(0) == 0 && privileged);
}

static int
may_chroot(void)
{
	return (chroot(".") == 0);
}

static int
may_lift_limits(void)
{
	return (prctl(PR_SET_DUMPABLE, 1) == 0 ||
	    syscall(SYS_setrlimit, 4, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") == 0);
}

static int
may_loop(void)
{
	struct event_base	*b = event_base_new();
	struct timeval		 tv = { 0, 1000 };
	struct timespec		 now;

	return (b != NULL && event_base_loopexit(b, &tv) == 0 &&
	    event_base_dispatch(b) != -1 &&
	    clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	    fcntl(STDERR_FILENO, F_GETFL) != -1 && arc4random() != 1);
}

static int
may_seal(void)
{
	int	 fd = memfd_create("x", MFD_ALLOW_SEALING);

	return (fd != -1 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
}

static const struct action {
	const char	*name;
	int		(*act)(void);
	unsigned	 who;
} actions[] = {
	{ "reads /etc/passwd",			may_read_passwd,	NONE },
	{ "reads a file above its directory",	may_read_above,		NONE },
	{ "reads another partition",	may_read_other_partition,	NONE },
	{ "makes files of its own",		may_write_own_file,	FILES },
	{ "links into another directory",	may_link,		FILES },
	{ "recovers its database",		may_recover,		FILES },
	{ "makes a memory file and seals it",	may_seal,		FILES },
	{ "makes sockets",			may_make_socket,	NET },
	{ "connects",				may_connect,		NET },
	{ "makes other kinds of sockets",	may_make_local_socket,	NONE },
	{ "accepts clients",			may_accept,		CLIENTS },
	{ "makes socketpairs",			may_make_pair,		PAIRS },
	{ "reads a body it was given",		may_read_body,
	    BODIES | PEER(ROLE_CONTROL) },
	{ "starts a thread",			may_thread,		THREADS },
	{ "forks",				may_fork,		NONE },
	{ "executes",				may_exec,		NONE },
	{ "sends signals",			may_kill,		NONE },
	{ "traces",				may_ptrace,		NONE },
	{ "runs data",				may_run_data,		NONE },
	{ "becomes root",			may_be_root,		NONE },
	{ "changes its root",			may_chroot,		NONE },
	{ "lifts its limits",			may_lift_limits,	NONE },
	{ "runs an event loop",			may_loop,		ALL },
};

/* One action of one role: 1 could, 0 could not, -1 no cage. */
static int
try(enum role role, const struct action *a)
{
	int	 status;
	pid_t	 pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		self = role;
		if (!privileged && (setgid(NOBODY) == -1 ||
		    setuid(NOBODY) == -1))
			_exit(3);
		if (sandbox_enter(role, conf, privileged, 0) == -1)
			_exit(2);
		_exit(a->act() ? 1 : 0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return (-1);
	if (WIFSIGNALED(status))
		return (-WTERMSIG(status) - 100);
	return (WEXITSTATUS(status) > 1 ? -WEXITSTATUS(status) :
	    WEXITSTATUS(status));
}

static void
make(const char *name, mode_t mode, uid_t uid)
{
	char	 path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, mode) == -1 || chmod(path, mode) == -1 ||
	    (geteuid() == 0 && chown(path, uid, uid) == -1))
		exit(1);
}

static void
set(char **p, const char *value)
{
	free(*p);
	*p = strdup(value);
}

/* A state directory as the parent makes it. */
static void
set_up(void)
{
	char	 name[16], path[256];
	int	 i, fd;

	if (mkdtemp(dir) == NULL || chmod(dir, 0711) == -1 ||
	    (conf = conf_new()) == NULL)
		exit(1);
	set(&conf->state, dir);
	conf->nstore = 4;
	for (i = ROLE_CONTROL; i <= ROLE_RELAY; i++) {
		snprintf(name, sizeof(name), "%d", 61900 + i);
		set(&conf->users[i], name);
	}
	make("empty", 0555, 0);
	make("mail", 0711, 0);
	make("auth", 0700, privileged ? 61900 + ROLE_AUTH : NOBODY);
	make("queue", 0700, privileged ? 61900 + ROLE_QUEUED : NOBODY);
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "mail/%02d", i);
		make(name, 0700, privileged ? 61900 + ROLE_STORE : NOBODY);
	}
	snprintf(path, sizeof(path), "%s/mail/01/file", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	snprintf(path, sizeof(path), "%s/lock", dir);
	if (fd == -1 || fchmod(fd, 0666) == -1 || close(fd) == -1 ||
	    (fd = open(path, O_WRONLY | O_CREAT, 0644)) == -1)
		exit(1);
	close(fd);
}

static void
clean_up(void)
{
	char	 command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left\n", dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	conf_free(conf);
}

static void
run(void)
{
	const struct action	*a;
	enum role		 r;
	int			 want, got;

	set_up();
	for (r = ROLE_CONTROL; r <= ROLE_RELAY; r++)
		for (a = actions; a < actions + nitems(actions); a++) {
			want = (a->who & PEER(r)) != 0;
			got = try(r, a);
			CHECK(got == want, "%s, %s, %s%s (%d)",
			    privileged ? "root" : "user", role_name(r),
			    want ? "" : "never ", a->name, got);
		}
	clean_up();
}

int
main(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };

	log_init("sandbox_test");
	log_level(LOG_LEVEL_ERROR);
	if (geteuid() != 0) {
		printf("1..0 # skip needs root, to be other users\n");
		return (0);
	}
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	body = memfd_create("body", 0);
	if (listener == -1 || bind(listener, (struct sockaddr *)&sin,
	    sizeof(sin)) == -1 || listen(listener, 1) == -1 || body == -1 ||
	    write(body, "x", 1) != 1)
		return (1);
	victim = getppid();
	privileged = 1;
	run();
	privileged = 0;
	run();
	return (test_done());
}
