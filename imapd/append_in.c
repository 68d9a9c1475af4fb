/*
 * The messages of APPEND as they come in.  Octets of one go to memory up to
 * APPEND_MEMORY, then to an unlinked file; at its end the message becomes an
 * intake.  Small ones that have no room in memory wait in one file.  See
 * append.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/append_int.h"
#include "imapd/stage.h"

static void	 msg_end(struct msg *);
static void	 on_intake(struct intake *, int);

struct msg *
append_msg_new(struct append *a)
{
	struct msg	*m, **nv;

	if ((nv = reallocarray(a->msgs, a->n + 1, sizeof(*nv))) == NULL)
		return (NULL);
	a->msgs = nv;
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	m->append = a;
	m->fd = -1;
	m->in.done = on_intake;
	m->in.arg = m;
	nv[a->n++] = m;
	return (m);
}

/* Into the file what does not fit into memory. */
static int
spool(struct msg *m, struct span s)
{
	if ((m->fd == -1 && (m->fd = body_spool(
	    m->append->session->account->part->bodies)) == -1) ||
	    body_spool_write(m->fd, s, m->size) == -1)
		return (-1);
	m->size += s.n;
	return (0);
}

void
append_data(struct session *s, struct span octets)
{
	struct append	*a = s->append;
	struct msg	*m;
	struct span	 mem;
	int		 rc = 0;

	if (a == NULL || a->n == 0)
		return;
	m = a->msgs[a->n - 1];
	if (memchr(octets.p, '\0', octets.n) != NULL)
		a->nul = 1;
	if (a->error == 0 && m->fd == -1 &&
	    m->mem.n + octets.n <= APPEND_MEMORY)
		rc = buf_add_span(&m->mem, octets);
	else if (a->error == 0) {
		mem = span_buf(&m->mem);
		if (mem.n > 0 && (rc = spool(m, mem)) == 0)
			buf_free(&m->mem);
		if (rc == 0)
			rc = spool(m, octets);
	}
	if (rc == -1)
		a->error = errno;
	if (s->lex.left == 0 && a->error == 0)
		msg_end(m);
}

/* A small one, whole in memory, to where it waits. */
static int
put_aside(struct msg *m)
{
	struct append	*a = m->append;

	if ((a->spool == -1 && (a->spool = body_spool(
	    a->session->account->part->bodies)) == -1) ||
	    body_spool_write(a->spool, span_buf(&m->mem), a->spooled) == -1)
		return (-1);
	m->at = a->spooled;
	m->size = m->mem.n;
	a->spooled += m->size;
	buf_free(&m->mem);
	return (0);
}

static int
take_back(struct msg *m)
{
	uint8_t	*to;
	ssize_t	 n;

	if ((to = buf_reserve(&m->mem, (size_t)m->size)) == NULL)
		return (-1);
	while (m->mem.n < m->size) {
		n = pread(m->append->spool, to + m->mem.n,
		    (size_t)m->size - m->mem.n, (off_t)(m->at + m->mem.n));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (-1);
		buf_commit(&m->mem, (size_t)n);
	}
	return (0);
}

int
append_msg_start(struct msg *m)
{
	struct append	*a = m->append;
	int		 rc;

	if (m->fd == -1 && m->size > 0 && take_back(m) == -1)
		return (-1);
	m->started = 1;
	rc = intake_start(&m->in, a->session->account->part, m->fd,
	    m->fd == -1 ? span_buf(&m->mem) : span_of("", 0), 0,
	    a->session->limits.message);
	buf_free(&m->mem);
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
	return (rc);
}

/*
 * All of it is here.  A large one is copied by a helper meanwhile; a small one
 * that had no room in memory waits for its turn in the stage.
 */
static void
msg_end(struct msg *m)
{
	struct append	*a = m->append;
	int		 rc;

	if (m->fd == -1) {
		a->small += m->mem.n;
		if (a->memory + m->mem.n > STAGE_OCTETS) {
			if (put_aside(m) == -1)
				a->error = errno;
			return;
		}
		a->memory += m->mem.n;
	}
	if ((rc = append_msg_start(m)) == -1)
		a->error = errno;
	else if (rc == 0) {
		m->pending = 1;
		a->pending++;
	}
}

static void
on_intake(struct intake *in, int error)
{
	struct msg	*m = in->arg;
	struct append	*a = m->append;

	m->pending = 0;
	a->pending--;
	if (error != 0 && a->error == 0)
		a->error = error;
	if (a->pending == 0 && a->session->phase == PHASE_STEP)
		session_wake(a->session);
}

void
append_free(struct session *s)
{
	struct append	*a = s->append;
	struct msg	*m;
	size_t		 i;

	if (a == NULL)
		return;
	s->append = NULL;
	stage_free(a->stage);
	for (i = 0; i < a->n; i++) {
		m = a->msgs[i];
		if (m->started)
			intake_free(&m->in);
		if (m->fd != -1)
			close(m->fd);
		buf_free(&m->mem);
		free(m);
	}
	if (a->spool != -1)
		close(a->spool);
	free(a->msgs);
	free(a);
}
