// SPDX-License-Identifier: Apache-2.0
/* notify - sd_notify(3) without its library. */
#pragma once

/* One datagram to whoever manages this process ("READY=1"); nobody to hear it is nobody's loss. */
void notify_manager(const char *text);
