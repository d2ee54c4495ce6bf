import { defineHeaderFilter } from './header-filter.ts';

export default defineHeaderFilter('request');
