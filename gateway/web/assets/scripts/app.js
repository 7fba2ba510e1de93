// Everything here makes a working page nicer; nothing here is needed to buy.
import { watchCopies } from './copy.js';
import { watchForms } from './forms.js';
import { watchLive } from './live.js';
import { watchPasswords } from './password.js';
import { watchTheme } from './theme.js';
import { localTimes } from './times.js';

document.documentElement.classList.add('scripted');
watchTheme();
watchCopies();
watchForms();
watchPasswords();
localTimes(document);
watchLive();
