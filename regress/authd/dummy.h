/*
 * Roles without their work, for tests of the parent.
 */
#ifndef DUMMY_H
#define DUMMY_H

#include "proc.h"

extern const struct role_ops	 auth_ops, keys_ops, lookup_ops, smtpd_ops,
    front_ops, store_ops, queued_ops, relay_ops;

#endif
