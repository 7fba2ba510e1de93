// Everything here makes a working page nicer; nothing here is needed to buy.
import { watchCopies } from './copy.js';
import { watchDialogs } from './dialogs.js';
import { watchForms } from './forms.js';
import { watchFragments } from './fragments.js';
import { watchLive } from './live.js';
import { watchPasswords } from './password.js';
import { watchQuote } from './quote.js';
import { watchTheme } from './theme.js';
import { watchTimes } from './times.js';

document.documentElement.classList.add('scripted');
watchTheme();
watchCopies();
watchDialogs();
watchForms();
watchPasswords();
watchQuote();
watchTimes();
watchFragments();
watchLive();
