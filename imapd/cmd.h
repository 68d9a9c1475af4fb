/*
 * IMAP commands after login, one function each.  It gets the cursor right
 * behind the command's name (RFC 3501 section 6), says what it has to say with
 * session_out(), and ends with session_reply() and its like, or goes on in
 * slices with session_begin().  What the cursor gives is good until the
 * command's end; the cursor itself is not.  The table is in cmd.c.
 */
#ifndef CMD_H
#define CMD_H

#include "imapd/parse/list.h"
#include "imapd/session.h"

struct targets;

typedef enum step	 command_fn(struct session *, struct cursor *);

/* cmd_any.c */
command_fn	 cmd_capability, cmd_check, cmd_compress, cmd_enable, cmd_id, cmd_idle,
		 cmd_logout, cmd_namespace, cmd_noop, cmd_too_late;
/* cmd_select.c */
command_fn	 cmd_close, cmd_examine, cmd_select, cmd_unselect;
/* cmd_mailbox.c */
command_fn	 cmd_create, cmd_delete, cmd_rename, cmd_subscribe,
		 cmd_unsubscribe;
/* cmd_list.c, cmd_status.c */
command_fn	 cmd_list, cmd_lsub, cmd_status;
/* cmd_metadata.c */
command_fn	 cmd_getmetadata, cmd_setmetadata;
/* cmd_notify.c */
command_fn	 cmd_notify;
/* cmd_acl.c */
command_fn	 cmd_deleteacl, cmd_getacl, cmd_listrights, cmd_myrights, cmd_setacl;
/* cmd_quota.c */
command_fn	 cmd_getquota, cmd_getquotaroot, cmd_setquota;
/* cmd_append.c; cmd_replace also as UID form */
command_fn	 cmd_append, cmd_replace;
/* cmd_uidbatches.c */
command_fn	 cmd_uidbatches;
/* cmd_fetch.c and so on; the UID form when session.uid is set */
command_fn	 cmd_copy, cmd_expunge, cmd_fetch, cmd_move, cmd_search,
		 cmd_multisearch, cmd_sort, cmd_store, cmd_thread;

/* Arguments: a space and a mailbox name, then the end.  0 or -1. */
int		 cmd_one_mailbox(struct cursor *, struct span *);
/* An untagged LIST of this name; with OLDNAME, when old is one. */
void		 cmd_list_write(struct session *, struct span name,
		    struct span old);
/* The name at this cursor, which was read as that one; none if they are the
 * same, or the client does not ask for more than IMAP4rev1. */
struct span	 cmd_old_name(const struct session *, struct cursor,
		    struct span name);
/*
 * An untagged STATUS with these items (bits of enum status_item): 0, or -1 with
 * errno and nothing said.
 */
int		 cmd_status_write(struct session *, const struct mailbox *,
		    unsigned what);
/* An untagged METADATA with these entries: 0, or -1 with errno. */
int		 cmd_metadata_write(struct session *, const struct mailbox *,
		    const struct span *names, size_t n);
/* An untagged MYRIGHTS. */
void		 cmd_myrights_write(struct session *, const struct mailbox *);
/* CONDSTORE is switched on by this command, RFC 7162 section 3.1; call it once
 * the command is known to be good. */
void		 cmd_condstore(struct session *);
/* The answer of a command that removed messages, if any. */
enum step	 cmd_expunged(struct session *, const struct targets *, int any);
/* May something be added now?  Else the answer is given and 0 returned. */
int		 cmd_writable(struct session *);

#endif
