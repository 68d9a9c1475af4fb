/*
 * "letterctl export": is all of it here?  And an mbox to standard output.
 */
#include <err.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "letterctl/import.h"

static uint64_t
number(struct json_object *o, const char *name)
{
	struct json_object	*v;
	int64_t			 n = 0;

	if (json_object_object_get_ex(o, name, &v))
		n = json_object_get_int64(v);
	return (n < 0 ? 0 : (uint64_t)n);
}

void
export_said(struct export_sum *sum, struct span json)
{
	struct json_tokener	*t = json_tokener_new();
	struct json_object	*o;

	o = t == NULL ? NULL : json_tokener_parse_ex(t,
	    (const char *)json.p, (int)json.n);
	if (o != NULL) {
		sum->said = number(o, "octets");
		sum->messages = number(o, "messages");
		sum->damaged = number(o, "damaged");
		sum->known = 1;
	}
	json_object_put(o);
	json_tokener_free(t);
}

int
export_check(const struct export_sum *sum, const char *what)
{
	if (!sum->known) {
		warnx("%s: the service did not say how much it is", what);
		return (-1);
	}
	if (sum->octets != sum->said)
		warnx("%s: %llu of %llu octets came", what,
		    (unsigned long long)sum->octets,
		    (unsigned long long)sum->said);
	if (sum->damaged > 0)
		warnx("%s: %llu messages are damaged and left out; the log "
		    "names them", what, (unsigned long long)sum->damaged);
	return (sum->octets == sum->said && sum->damaged == 0 ? 0 : -1);
}

static void
on_row(void *arg, struct span json)
{
	export_said(arg, json);
}

int
export_mbox(int argc, char **argv)
{
	struct export_sum	 sum = { 0 };
	struct msg_ctl_arg	 args[2];
	struct ctl_ask		 a = { .verb = "export mbox", .args = args,
				    .stream = STDOUT_FILENO, .row = on_row,
				    .octets = &sum.octets, .arg = &sum };
	struct ctl		*ctl;
	int			 rc;

	for (; a.nargs < (size_t)argc; a.nargs++)
		args[a.nargs].arg = span_str(argv[a.nargs]);
	if ((ctl = ctl_open(socket_path)) == NULL)
		return (EXIT_AWAY);
	rc = ctl_ask(ctl, &a);
	ctl_close(ctl);
	if (rc == EXIT_OK && export_check(&sum, argv[0]) == -1)
		rc = EXIT_REFUSED;
	if (rc != EXIT_OK && (sum.octets > 0 || sum.known))
		warnx("%s: the export is not complete", argv[0]);
	return (rc);
}
