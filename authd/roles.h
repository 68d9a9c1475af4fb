/*
 * The roles that live in the program authd, each in files of its own.
 */
#ifndef ROLES_H
#define ROLES_H

#include "proc.h"

extern const struct role_ops	 control_ops;
extern const struct role_ops	 auth_ops __attribute__((__weak__));
extern const struct role_ops	 keys_ops __attribute__((__weak__));
extern const struct role_ops	 lookup_ops __attribute__((__weak__));

#endif
