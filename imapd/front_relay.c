/*
 * After login under TLS: octets between the client and its session in a store.
 * Nothing is looked at.  What one side does not take holds the other back.
 */
#include <unistd.h>

#include "front.h"
#include "proc.h"

#define RECORD	16384	/* octets of one of TLS, read at once */

static void	 move(struct io *, struct io *);
static void	 on_client(struct io *, enum io_event, void *);
static void	 on_store(struct io *, enum io_event, void *);

/* Everything that came from one side, unless the other is full. */
static void
move(struct io *from, struct io *to)
{
	struct span	 s = io_in(from);

	if (s.n == 0)
		return;
	io_write(to, s.p, s.n);
	io_drain(from, s.n);
	if (io_outlen(to) >= FRONT_WINDOW)
		io_pause(from);
}

static void
on_client(struct io *io, enum io_event what, void *arg)
{
	struct front	*f = arg;

	switch (what) {
	case IO_DATA:
		move(io, f->store);
		break;
	case IO_LOWAT:
		io_resume(f->store);
		break;
	case IO_TLS:
		break;
	default:		/* gone: so is its session */
		front_free(f);
	}
}

static void
on_store(struct io *io, enum io_event what, void *arg)
{
	struct front	*f = arg;
	struct span	 s;

	switch (what) {
	case IO_DATA:
		s = io_in(io);
		if (s.n > 0)
			f->half = s.p[s.n - 1] != '\n';
		move(io, f->io);
		break;
	case IO_LOWAT:
		io_resume(f->io);
		break;
	case IO_EOF:		/* what is queued for the client still goes */
		io_finish(f->io);
		f->io = NULL;
		front_free(f);
		break;
	default:		/* the store is gone, not the session over */
		front_relay_end(f, "the store ended, try again later");
	}
}

void
front_relay_end(struct front *f, const char *text)
{
	if (f->half || io_outlen(f->io) > 0) {
		io_finish(f->io);
		f->io = NULL;
		front_free(f);
	} else
		front_bye(f, text);
}

void
front_relay(struct front *f)
{
	f->state = FRONT_RELAY;
	f->store = io_new(proc_base(), f->pair, on_store, f);
	f->pair = -1;
	if (f->store == NULL) {
		front_bye(f, "no memory");
		return;
	}
	lex_free(&f->lex);
	io_set(f->io, on_client, f);
	io_deadline(f->io, 0);
	io_inmax(f->io, RECORD);
	io_lowat(f->io, FRONT_WINDOW / 2);
	io_lowat(f->store, FRONT_WINDOW / 2);
	move(f->io, f->store);	/* what came behind the last command */
	io_resume(f->io);
}
