/*
 * A store without its links, for tests: one partition in a temporary directory,
 * sessions over socketpairs, and scripts of what clients say and hear.
 *
 * A line of a script is "C1: text" (client 1 sends text and CRLF), "C1= text"
 * (it sends the text as it is), "S1: text" (the next line that client 1 gets;
 * "~" stands for anything), "O1" (client 1 logs in), "P1" (client 1
 * comes by its key, without a command), "X1" (it closes its socket), "E1" (the store closed it), "D1: text" (a message with this text is
 * delivered to client 1's account), "R" (the store is closed and opened again).
 */
#ifndef IMAPTEST_H
#define IMAPTEST_H

#include "imapd/store.h"
#include "msg.h"

#define IMAPTEST_CLIENTS	16	/* scripts have the first eight */

/* As test.h has them, but counted in one place: include this alone. */
int		 t_check(int ok, const char *file, int line, const char *, ...)
		    __attribute__((__format__(printf, 4, 5)));
int		 t_done(void);
#define CHECK(ok, ...)	t_check(!!(ok), __FILE__, __LINE__, __VA_ARGS__)

struct session_limits;

/* The store and its partition; of sessions to come. */
extern struct store		 t_store;
extern struct part		*t_part;
extern struct session_limits	 t_limits;

/*
 * Open a store in a fresh directory, or in dir; close it, remove it.  Nothing is
 * done in it because some time went by, neither what the tick does nor filters,
 * unless t_live() is called: how fast a test is makes no difference.
 */
void		 t_open(const char *dir);
void		 t_live(void);
void		 t_close(void);
void		 t_remove(void);
const char	*t_dir(void);
/* One turn of the loop, without waiting and with; until nothing is to do. */
void		 t_loop(void);
void		 t_turn(void);
void		 t_settle(void);
/* Log client n in to account id; its socket. */
int		 t_login(int n, uint64_t id);
/* The same by its key: the store greets. */
int		 t_preauth(int n, uint64_t id);
void		 t_logout(int n);
/* Send; the next line (in a buffer that the next call reuses), NULL: none came
 * in time or the connection ended. */
void		 t_send(int n, const char *octets, size_t len);
const char	*t_line(int n);
/* Else lines with the id of a mailbox are passed over. */
extern int	 t_shows_ids;
/* All that client n got, until the next call with this client. */
struct span	 t_take(int n);
/*
 * Client 1 logs in to an account with an INBOX of no messages whose next UID is
 * 11, so that UIDs are no numbers; appends a message; selects the INBOX.
 */
void		 t_fill(uint64_t account);
void		 t_append(const char *box, const char *flags, const char *date,
		    const char *text);
void		 t_filled(void);
/* How many records there are, those that are damaged too. */
size_t		 t_count(struct dbenv_db *);
/*
 * As soon as work has written something, and before it is done, its group is
 * undone for want of room: from the next turn with work on, however slow, until
 * t_undone() says that it happened.
 */
void		 t_undo(void);
int		 t_undone(void);
/* Forget what client n got. */
void		 t_drain(int n);
/* Deliver to accounts; the answer. */
enum result	 t_deliver(const uint8_t id[16], const char *text, size_t len,
		    const uint64_t *accounts, size_t n);
/* All lines of a script; each S and E is a check.  Clients are numbers of
 * accounts too, unless t_account says otherwise. */
void		 t_script(const char *name, const char *const *lines);
extern uint64_t	 t_account[IMAPTEST_CLIENTS];

#endif
